// A driver adapter for the schema engine: reads PostgreSQL's catalogs and runs migration scripts whole.
// (@prisma/adapter-pg refuses the catalogs' "char" columns and splits scripts at every semicolon.)
import { ColumnTypeEnum, DriverAdapterError } from '@prisma/driver-adapter-utils';
import { parse as parseArray } from 'postgres-array';

const asText = (value) => value;
const asNumber = Number;
const asBoolean = (value) => value === 't';
/** `2026-11-21 10:00:00.5+00` to ISO 8601. */
const asTime = (value) => value.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00');

/** Prisma's column type and the reading of its text, by PostgreSQL's type oid. Source: pg_type.dat. */
const scalarTypes = {
  16: [ColumnTypeEnum.Boolean, asBoolean],
  18: [ColumnTypeEnum.Character, asText],
  20: [ColumnTypeEnum.Int64, asText],
  21: [ColumnTypeEnum.Int32, asNumber],
  23: [ColumnTypeEnum.Int32, asNumber],
  26: [ColumnTypeEnum.Int64, asText],
  114: [ColumnTypeEnum.Json, asText],
  700: [ColumnTypeEnum.Float, asNumber],
  701: [ColumnTypeEnum.Double, asNumber],
  1114: [ColumnTypeEnum.DateTime, asTime],
  1184: [ColumnTypeEnum.DateTime, asTime],
  1700: [ColumnTypeEnum.Numeric, asText],
  2950: [ColumnTypeEnum.Uuid, asText],
  3802: [ColumnTypeEnum.Json, asText],
};

/** The element's oid by the array's. */
const elementOf = { 1000: 16, 1002: 18, 1003: 19, 1005: 21, 1007: 23, 1009: 25, 1015: 1043, 1016: 20, 1028: 26 };

/** Prisma numbers each array type this far above its element type. */
const arrayOffset = ColumnTypeEnum.Int32Array - ColumnTypeEnum.Int32;

function columnType(oid) {
  const scalar = (one) => scalarTypes[one] ?? [ColumnTypeEnum.Text, asText];
  if (elementOf[oid] === undefined) return scalar(oid);
  const [type, read] = scalar(elementOf[oid]);
  return [type + arrayOffset, (value) => parseArray(value, read)];
}

function toResultSet({ fields, rows }) {
  const columns = fields.map((field) => columnType(field.dataTypeID));
  return {
    columnNames: fields.map((field) => field.name),
    columnTypes: columns.map(([type]) => type),
    rows: rows.map((row) => row.map((value, index) => (value === null ? null : columns[index][1](value)))),
  };
}

function toDriverError({ code, severity, message, detail, column, hint }) {
  return new DriverAdapterError({
    kind: 'postgres',
    code: code ?? 'N/A',
    severity: severity ?? 'ERROR',
    message,
    detail,
    column,
    hint,
    originalCode: code,
    originalMessage: message,
  });
}

async function mapErrors(work) {
  try {
    return await work();
  } catch (error) {
    throw toDriverError(error);
  }
}

/**
 * Prisma's driver adapter over one connection.
 *
 * @param {import('./connections.mjs').Connection} connection
 */
export function adapterOver(connection) {
  const adapter = {
    provider: 'postgres',
    adapterName: 'promptwell-schema-engine',
    queryRaw: ({ sql, args }) => mapErrors(async () => toResultSet(await connection.query(sql, args))),
    executeRaw: ({ sql, args }) => mapErrors(async () => (await connection.query(sql, args)).rowCount ?? 0),
    executeScript: (script) => mapErrors(() => connection.run(script)),
    getConnectionInfo: () => ({ schemaName: 'public', supportsRelationJoins: true }),
    startTransaction: async () => {
      await connection.run('BEGIN');
      return {
        ...adapter,
        options: { usePhantomQuery: true },
        commit: () => connection.run('COMMIT'),
        rollback: () => connection.run('ROLLBACK'),
      };
    },
    dispose: () => connection.close(),
  };
  return adapter;
}
