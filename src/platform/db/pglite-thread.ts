// The embedded database in a thread of its own: PostgreSQL's wire protocol over message ports, one session for all.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { DurableFolder, durableParameters } from './durable-folder.js';
import { FrameReader } from './frames.js';
import { messageOf } from './start-error.js';
import { packFolder, unpackFolder } from './tar.js';
import type { ThreadReply, ThreadRequest, ThreadStart, ThreadStatus } from './thread-protocol.js';

/**
 * Start parameters on top of PGlite's own. Measured: resident memory 290 MB by default, 176 MB with 16 MB of shared
 * buffers; the WAL grows without bound unless its sizes are said.
 */
const startParameters = ['shared_buffers=16MB', 'max_wal_size=64MB', 'min_wal_size=32MB'];

/** The type byte of the protocol's Terminate message: 'X'. */
const terminate = 0x58;

/** One PGlite session, shared by message ports that take turns. */
class WireServer {
  readonly #db: PGlite;
  #turn: Promise<void> = Promise.resolve();
  #owner: MessagePort | undefined;

  constructor(db: PGlite) {
    this.#db = db;
  }

  /** Serves a client until it says goodbye or its port closes. */
  serve(client: MessagePort): void {
    const reader = new FrameReader();
    client.on('message', (chunk: Uint8Array) => {
      for (const message of reader.push(chunk)) {
        if (message[0] === terminate) client.close();
        else this.enqueue(() => this.#answer(client, message));
      }
    });
    client.on('close', () => this.enqueue(() => this.#takeOver(undefined, client)));
  }

  /** Runs `work` after everything asked before it. A failure is a broken database and ends the thread. */
  enqueue(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(work);
  }

  async #answer(client: MessagePort, message: Uint8Array): Promise<void> {
    await this.#takeOver(client, this.#owner);
    await this.#db.execProtocolRawStream(message, {
      onRawData: (view) => {
        // The view is on the whole memory of the database: post a copy.
        const copy = view.slice();
        client.postMessage(copy, [copy.buffer]);
      },
    });
  }

  /** Hands the session from one client to the next, as new: transaction, settings and prepared statements are gone. */
  async #takeOver(next: MessagePort | undefined, former: MessagePort | undefined): Promise<void> {
    if (next === this.#owner || former !== this.#owner) return;
    if (this.#owner !== undefined) {
      if (this.#db.isInTransaction()) await this.#db.exec('ROLLBACK');
      await this.#db.exec('DISCARD ALL');
    }
    this.#owner = next;
  }
}

async function openFolder({ settings, program }: ThreadStart): Promise<PGlite> {
  // In place of PGlite's own loader, which holds the whole archive and the whole folder in memory.
  if (settings.tarball !== undefined) await unpackFolder(settings.tarball, settings.folder);
  const isScratch = settings.isScratch === true;
  const parameters = [...startParameters, ...(isScratch ? [] : durableParameters)].flatMap((one) => ['-c', one]);
  return PGlite.create({
    ...(isScratch ? { dataDir: settings.folder } : { fs: new DurableFolder(settings.folder) }),
    extensions: { vector },
    pgliteWasmModule: program,
    startParams: [...PGlite.defaultStartParams, ...parameters],
  });
}

/** Writes a copy of the whole folder to `file` (mode 0600), on the disk when it returns. */
async function dump(db: PGlite, folder: string, file: string): Promise<void> {
  await db.exec('CHECKPOINT');
  // Every page is in its file now, and nothing runs until this is done. PGlite's own `dumpDataDir` holds the folder, the
  // archive and the compressed archive in memory at once.
  await packFolder(folder, file);
}

async function replyTo(port: MessagePort, work: () => Promise<unknown>): Promise<void> {
  const reply: ThreadReply = await work().then(
    () => ({}),
    (cause: unknown) => ({ error: messageOf(cause) }),
  );
  port.postMessage(reply);
  port.close();
}

async function run(port: MessagePort, { settings, program }: ThreadStart): Promise<void> {
  const tell = (status: ThreadStatus): void => port.postMessage(status);
  let db: PGlite;
  try {
    db = await openFolder({ settings, program });
  } catch (cause) {
    tell({ type: 'failed', message: messageOf(cause) });
    port.close();
    return;
  }
  const server = new WireServer(db);
  const requests: { [Type in ThreadRequest['type']]: (request: Extract<ThreadRequest, { type: Type }>) => void } = {
    connect: (request) => server.serve(request.port),
    // Not in turn: it is asked whether the thread answers at all.
    ping: (request) => void replyTo(request.reply, () => Promise.resolve()),
    dump: (request) => server.enqueue(() => replyTo(request.reply, () => dump(db, settings.folder, request.file))),
    vacuum: (request) => server.enqueue(() => replyTo(request.reply, () => db.exec('VACUUM ANALYZE'))),
    close: (request) =>
      server.enqueue(async () => {
        await replyTo(request.reply, () => db.close());
        port.close();
      }),
  };
  port.on('message', (request: ThreadRequest) => {
    (requests[request.type] as (one: ThreadRequest) => void)(request);
  });
  tell({ type: 'ready' });
}

if (parentPort !== null) await run(parentPort, workerData as ThreadStart);
