// Prisma's schema engine in its WASM build, with what that build cannot do done by what it can.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import { adapterOver } from './adapter.mjs';
import { connectTo } from './connections.mjs';

const wasmPath = createRequire(import.meta.url)
  .resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  .replace(/\.js$/, '.wasm');

/** The engine's version, as its package says. */
export const engineVersion = () =>
  JSON.parse(readFileSync(new URL('package.json', `file://${wasmPath}`), 'utf8')).version;

/** Loads the module; once per process, before `openEngine`. */
export async function loadModule() {
  globalThis.PRISMA_WASM_PANIC_REGISTRY = {
    set_message(message) {
      this.message = message;
    },
  };
  const { instance } = await WebAssembly.instantiate(readFileSync(wasmPath), { './schema_engine_bg.js': bindings });
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
}

/** What Prisma's CLI calls by another name than the WASM build. */
const aliases = { getDatabaseVersion: 'version' };

/**
 * An engine for one request: it gives its adapter factory away at the first use of a shadow database.
 *
 * The shadow database is an empty one in memory unless `shadowDatabaseUrl` is set.
 */
export async function openEngine({ datasource, datamodels }) {
  const connections = [];
  const connect = async (url) => {
    const connection = await connectTo(url);
    connections.push(connection);
    return adapterOver(connection);
  };
  const factory = bindMigrationAwareSqlAdapterFactory({
    provider: 'postgres',
    adapterName: 'promptwell-schema-engine',
    connect: () => connect(datasource.url),
    connectToShadowDb: () => connect(datasource.shadowDatabaseUrl),
  });
  const log = (line) => process.env.DEBUG && console.error(line);
  const engine = await bindings.SchemaEngine.new({ datamodels }, log, factory);
  return {
    call: (method, params) => call(engine, method, params),
    /** The error that the adapter threw, where the engine only kept its number. */
    originOf: (error) => {
      const id = /External error id#(\d+)/.exec(error.message ?? '')?.[1];
      return (id && factory.errorRegistry.consumeError(Number(id))?.error) ?? error;
    },
    /** Gives up the advisory lock of `migrate`, which lives as long as its connection. */
    close: () => Promise.all(connections.map((connection) => connection.close().catch(() => undefined))),
  };
}

function call(engine, method, params) {
  if (method === 'createMigration') return createMigration(engine, params);
  if (method === 'evaluateDataLoss') return evaluateDataLoss(engine, params);
  const own = engine[aliases[method] ?? method];
  if (typeof own !== 'function') throw new Error(`The WASM schema engine has no method ${method}.`);
  return own.call(engine, params);
}

/** The steps from the migrations to the schema. The WASM build fails at the next two methods, which are made of it. */
const pendingChanges = (engine, { migrationsList, schema, filters }) =>
  engine.diff({
    from: { tag: 'migrations', ...migrationsList },
    to: { tag: 'schemaDatamodel', ...schema },
    script: true,
    exitCode: true,
    filters,
  });

/** `diff`'s exit code when there is a difference. */
const isDifferent = 2;

async function createMigration(engine, params) {
  const { exitCode, stdout } = await pendingChanges(engine, params);
  const stamp = new Date().toISOString().replace(/[-:T]/g, '').slice(0, 14);
  const nothing = params.draft ? '-- This is an empty migration.' : null;
  return {
    connectorType: 'postgresql',
    extension: 'sql',
    generatedMigrationName: params.migrationName ? `${stamp}_${params.migrationName}` : stamp,
    migrationScript: exitCode === isDifferent ? stdout : nothing,
  };
}

async function evaluateDataLoss(engine, params) {
  const { exitCode, stdout } = await pendingChanges(engine, params);
  const drops = (stdout ?? '').match(/^(?:ALTER TABLE .* )?DROP (?:TABLE|COLUMN) .*$/gm) ?? [];
  return {
    migrationSteps: exitCode === isDifferent ? 1 : 0,
    unexecutableSteps: [],
    warnings: drops.map((statement, stepIndex) => ({ message: `Data will be lost: ${statement}`, stepIndex })),
  };
}
