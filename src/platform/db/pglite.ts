import { Duplex } from 'node:stream';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { pgliteProgram } from './pglite-program.js';
import { DatabaseStartError } from './start-error.js';
import type { ThreadReply, ThreadRequest, ThreadSettings, ThreadStart, ThreadStatus } from './thread-protocol.js';

/** The longest wait for the thread to finish its work and close the folder; past it the thread is ended. */
const closeDeadlineMs = 5_000;

/** The compiled thread beside this program. */
export const ownThreadUrl = new URL('./pglite-thread.js', import.meta.url).href;

/** A cluster folder that PGlite does not open. */
export class FolderError extends DatabaseStartError {}

/** What `pg` takes for a socket: bytes to and from the thread. */
class PortStream extends Duplex {
  readonly #open: () => MessagePort | undefined;
  #port: MessagePort | undefined;

  constructor(openPort: () => MessagePort | undefined) {
    super();
    this.#open = openPort;
  }

  /** Called by `pg` in place of `net.Socket.connect`. */
  connect(): this {
    this.#port = this.#open();
    if (this.#port === undefined) {
      this.destroy(new Error('the thread of the embedded database has ended'));
      return this;
    }
    this.#port.on('message', (chunk: Uint8Array) => this.push(chunk));
    // Not a graceful end: half open, pg would wait for an answer that never comes.
    this.#port.on('close', () => this.destroy());
    queueMicrotask(() => this.emit('connect'));
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    this.#port?.ref();
    return this;
  }

  unref(): this {
    this.#port?.unref();
    return this;
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    const copy = new Uint8Array(chunk);
    this.#port?.postMessage(copy, [copy.buffer]);
    done();
  }

  override _destroy(cause: Error | null, done: (cause: Error | null) => void): void {
    this.#port?.close();
    done(cause);
  }
}

/** PGlite in its thread, seen from the main one. */
export class PgliteThread {
  readonly #worker: Worker;
  /** Resolves when the thread has ended, with the error that ended it, if any. */
  readonly ended: Promise<Error | undefined>;
  #isAlive = true;
  readonly #streams = new Set<Duplex>();

  constructor(worker: Worker) {
    this.#worker = worker;
    let cause: Error | undefined;
    // Without a listener a dying thread would take the process with it.
    worker.on('error', (error: Error) => {
      cause = error;
    });
    this.ended = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#isAlive = false;
        // A port that was on its way to the thread is not always closed with it.
        for (const stream of this.#streams) stream.destroy();
        resolve(cause);
      });
    });
  }

  /** False once the thread ended, whyever. */
  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** A stream that `pg` uses as its socket. */
  connect(): Duplex {
    const stream = new PortStream(() => {
      if (!this.#isAlive) return undefined;
      const { port1, port2 } = new MessageChannel();
      this.#streams.add(stream);
      this.#post({ type: 'connect', port: port2 }, port2);
      return port1;
    });
    stream.once('close', () => this.#streams.delete(stream));
    return stream;
  }

  /** Writes a copy of the folder to `file`. Ask only while no transaction is open. Cost: the session is taken meanwhile. */
  dump(file: string): Promise<void> {
    return this.#ask((reply) => ({ type: 'dump', file, reply }));
  }

  /** Gives room back and brings the planner's statistics up to date: PGlite has no autovacuum. */
  vacuum(): Promise<void> {
    return this.#ask((reply) => ({ type: 'vacuum', reply }));
  }

  /** Resolves when the thread answers: it does between two statements, never within one. */
  ping(): Promise<void> {
    return this.#ask((reply) => ({ type: 'ping', reply }));
  }

  /** Ends the thread at once, whatever it does: what was acknowledged is in its files, as after a kill. */
  async end(): Promise<void> {
    this.#isAlive = false;
    await this.#worker.terminate();
  }

  /**
   * Closes the folder and ends the thread; a thread that does not answer within 5 s is ended (a kill loses nothing).
   * Answers whether the folder was closed.
   */
  async close(): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), closeDeadlineMs);
    });
    const isClosed = await Promise.race([this.#isAlive ? this.#closeFolder() : false, late]);
    clearTimeout(timer);
    await this.#worker.terminate();
    return isClosed;
  }

  async #closeFolder(): Promise<boolean> {
    try {
      await this.#ask((reply) => ({ type: 'close', reply }));
      await this.ended;
      return true;
    } catch {
      return false;
    }
  }

  #post(request: ThreadRequest, port: MessagePort): void {
    this.#worker.postMessage(request, [port]);
  }

  #ask(request: (reply: MessagePort) => ThreadRequest): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    return new Promise((resolve, reject) => {
      port1.once('message', ({ error }: ThreadReply) => {
        if (error === undefined) resolve();
        else reject(new Error(error));
      });
      // Comes after the answer, too, and then changes nothing.
      port1.once('close', () => reject(new Error('the thread of the embedded database has ended')));
      this.#post(request(port2), port2);
    });
  }
}

/**
 * PGlite serving `settings.folder` from a thread of its own.
 *
 * Cost: initdb takes 5 s on an empty folder, opening one 0.6 to 0.9 s, filling one from a tarball 1.2 s.
 * Faults: `FolderError` when the folder does not open, or not within `deadlineMs`, if one is given.
 */
export async function startThread(
  threadUrl: string,
  settings: ThreadSettings,
  deadlineMs?: number,
): Promise<PgliteThread> {
  const workerData: ThreadStart = { settings, program: await pgliteProgram() };
  const worker = new Worker(new URL(threadUrl), { workerData });
  const thread = new PgliteThread(worker);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const status = await new Promise<ThreadStatus>((resolve) => {
    const late = { type: 'failed', message: `it took longer than ${deadlineMs} ms` } as const;
    if (deadlineMs !== undefined) timer = setTimeout(() => resolve(late), deadlineMs);
    worker.once('message', resolve);
    void thread.ended.then((cause) => resolve({ type: 'failed', message: String(cause ?? 'the thread ended') }));
  });
  clearTimeout(timer);
  if (status.type === 'ready') return thread;
  await worker.terminate();
  throw new FolderError(`${settings.folder} does not open: ${status.message}`);
}
