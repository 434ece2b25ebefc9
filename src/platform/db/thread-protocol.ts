import type { MessagePort } from 'node:worker_threads';
import type { Program } from './pglite-program.js';

/** What the thread of the embedded engine is started with. */
export interface ThreadSettings {
  /** The cluster's folder; made by initdb when it is empty. */
  folder: string;
  /** A gzipped tar archive of a folder, to fill an empty one from in place of initdb. */
  tarball?: string;
  /** What is written need not outlast a power cut: the folder is for a trial, or is put on the disk as a whole later. */
  isScratch?: boolean;
}

/** What the thread begins with. */
export interface ThreadStart {
  settings: ThreadSettings;
  /** PGlite's WebAssembly. */
  program: Program;
}

/** What the main thread asks. `reply` gets one `ThreadReply` and is closed. */
export type ThreadRequest =
  | { type: 'connect'; port: MessagePort }
  | { type: 'ping'; reply: MessagePort }
  | { type: 'dump'; file: string; reply: MessagePort }
  | { type: 'vacuum'; reply: MessagePort }
  | { type: 'close'; reply: MessagePort };

/** How a request ended: `error` is absent when it went well. */
export interface ThreadReply {
  error?: string;
}

/** The thread's first and only message of its own: it serves, or the folder did not open. */
export type ThreadStatus = { type: 'ready' } | { type: 'failed'; message: string };
