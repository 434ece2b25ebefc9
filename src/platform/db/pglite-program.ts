import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** A compiled `WebAssembly.Module`, to be given to threads. */
export type Program = object;

/** What Node has and its types do not name. */
const { WebAssembly } = globalThis as unknown as { WebAssembly: { compile(bytes: Uint8Array): Promise<Program> } };

let program: Promise<Program> | undefined;

/**
 * PGlite's WebAssembly, compiled once for all threads of this process.
 *
 * Shape: V8 compiles its functions as they are first called, and threads that were given the module share them.
 * Cost: 0.1 s for the first caller; each further thread starts with 0.3 s of CPU less, as one does for the verification
 * of a backup and where one is replaced.
 */
export function pgliteProgram(): Promise<Program> {
  const folder = dirname(createRequire(import.meta.url).resolve('@electric-sql/pglite'));
  program ??= readFile(join(folder, 'pglite.wasm')).then((bytes) => WebAssembly.compile(bytes));
  return program;
}
