// Connections for the schema engine: to a server through pg, or to an empty PostgreSQL in memory (PGlite).

/**
 * One session. `query` gives every value as PostgreSQL's own text, or null.
 *
 * @typedef {{ name: string, dataTypeID: number }} Field
 * @typedef {{ fields: Field[], rows: (string | null)[][], rowCount: number }} Answer
 * @typedef {{
 *   query(sql: string, args: unknown[]): Promise<Answer>,
 *   run(script: string): Promise<void>,
 *   close(): Promise<void>,
 * }} Connection
 */

const asText = (value) => value;

/** The types whose values the engine reads; PGlite takes its parsers type by type. */
const readTypes = [
  16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 700, 701, 1000, 1002, 1003, 1005, 1007, 1009, 1015, 1016, 1028, 1043, 1082,
  1083, 1114, 1184, 1186, 1700, 2950, 3802,
];

/**
 * A session on the server at `url`, or in an empty database in memory when there is no url.
 *
 * @param {string | undefined} url
 * @returns {Promise<Connection>}
 */
export const connectTo = (url) => (url ? connectToServer(url) : connectToMemory());

/** @returns {Promise<Connection>} */
async function connectToServer(connectionString) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString, types: { getTypeParser: () => asText } });
  await client.connect();
  const parameter = (value) => (value instanceof Date ? value.toISOString() : value);
  return {
    query: (sql, args) => client.query({ text: sql, values: args.map(parameter), rowMode: 'array' }),
    run: async (script) => void (await client.query(script)),
    close: () => client.end(),
  };
}

/** @returns {Promise<Connection>} */
async function connectToMemory() {
  const { PGlite } = await import('@electric-sql/pglite');
  const { vector } = await import('@electric-sql/pglite-pgvector');
  const db = await PGlite.create({ dataDir: 'memory://', extensions: { vector } });
  const parsers = Object.fromEntries(readTypes.map((type) => [type, asText]));
  return {
    query: async (sql, args) => {
      const { fields, rows, affectedRows } = await db.query(sql, args, { rowMode: 'array', parsers });
      return { fields, rows, rowCount: affectedRows ?? 0 };
    },
    run: async (script) => void (await db.exec(script)),
    close: () => db.close(),
  };
}
