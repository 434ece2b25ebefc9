// The schema engine's commands beside its JSON-RPC: whether a database can be reached, and making one.

/** SQLSTATE of a database that does not exist. */
const noSuchDatabase = '3D000';

/**
 * Runs one command and answers its exit code; a failure is written to stderr as the native engine writes it.
 *
 * @param {string | undefined} command
 * @param {string} url
 */
export async function runCliCommand(command, url) {
  const run = commands[command ?? ''];
  if (run === undefined) return fail('P1000', `unknown command ${command}`);
  const target = new URL(url);
  const name = decodeURIComponent(target.pathname.slice(1));
  try {
    await run(target, name);
    return 0;
  } catch (error) {
    if (error.code === noSuchDatabase) return fail('P1003', `Database \`${name}\` does not exist`);
    return fail('P1001', `Can't reach database server at \`${target.host}\`: ${error.message}`);
  }
}

const commands = {
  'can-connect-to-database': (target) => withClient(target, () => undefined),
  'create-database': (target, name) => {
    const maintenance = new URL(target);
    maintenance.pathname = '/postgres';
    return withClient(maintenance, (client) => client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`));
  },
};

async function withClient(url, work) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function fail(error_code, message) {
  const report = { level: 'ERROR', target: 'schema_engine::logger', fields: { error_code, message, is_panic: false } };
  // The CLI reads the last line but needs one before it.
  console.error('{}');
  console.error(JSON.stringify(report));
  return 1;
}
