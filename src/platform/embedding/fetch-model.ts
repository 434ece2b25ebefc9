import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { flawOf, type ModelFile, modelFiles, modelFolder, modelName } from './model-files.js';

/** Why a file could not be had. */
type ModelFetchReason = 'unreachable' | 'refused' | 'stalled' | 'cut' | 'wrongFile' | 'cancelled';

/** A file of the model could not be fetched; the message names file, address and cause. */
export class ModelFetchError extends Error {
  override readonly name = 'ModelFetchError';
  /** The file, as in `modelFiles`. */
  readonly file: string;
  readonly reason: ModelFetchReason;

  constructor({ file, reason }: { file: string; reason: ModelFetchReason }, message: string, cause?: unknown) {
    super(`${file}: ${message}`, cause === undefined ? undefined : { cause });
    this.file = file;
    this.reason = reason;
  }
}

/** How far the fetching is; `fetchedBytes` of all files together, those already on disk included. */
export interface FetchProgress {
  file: string;
  fetchedBytes: number;
  totalBytes: number;
}

/** Where the model comes from and goes to. */
export interface FetchModelOptions {
  modelDir: string;
  /** Scheme and host, perhaps a path, of huggingface.co or a mirror with the same paths. */
  mirrorUrl: string;
  signal?: AbortSignal;
  onProgress?: (progress: FetchProgress) => void;
  /** What to fetch; default: the neural model's files. */
  files?: readonly ModelFile[];
  /** Longest silence of the mirror; default 30 s. */
  stallMs?: number;
}

/** Longest silence of a mirror. Source: twice the 15 s after which most proxies have answered with an error. */
const defaultStallMs = 30_000;

/** How often one file is asked for, if every time some bytes arrive before the connection is lost. */
const attempts = 10;

/**
 * Fetches the neural model's files; answers its folder when every file is there, with the right size and SHA-256.
 *
 * Shape: right files are left alone; a file grows beside its place as `<name>.part`, is resumed there by the next call,
 * and takes its place only when checked. A lost connection is taken up again while it makes progress.
 * Faults: `ModelFetchError`; nothing wrong is ever left under a file's name.
 */
export async function fetchModel(options: FetchModelOptions): Promise<string> {
  const files = options.files ?? modelFiles;
  const folder = modelFolder(options.modelDir);
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let doneBytes = 0;
  for (const file of files) {
    const report = (bytes: number): void =>
      options.onProgress?.({ file: file.path, fetchedBytes: doneBytes + bytes, totalBytes });
    const path = join(folder, file.path);
    if ((await flawOf(path, file)) !== null) await new FileFetch({ file, path, options, report }).run();
    report(file.sizeBytes);
    doneBytes += file.sizeBytes;
  }
  return folder;
}

interface FileFetchDeps {
  file: ModelFile;
  path: string;
  options: FetchModelOptions;
  report: (bytes: number) => void;
}

/** One file on its way from the mirror to its place. */
class FileFetch {
  readonly #file: ModelFile;
  readonly #path: string;
  readonly #partPath: string;
  readonly #url: string;
  readonly #options: FetchModelOptions;
  readonly #report: (bytes: number) => void;

  constructor({ file, path, options, report }: FileFetchDeps) {
    this.#file = file;
    this.#path = path;
    this.#partPath = `${path}.part`;
    this.#url = `${options.mirrorUrl.replace(/\/+$/, '')}/${modelName}/resolve/main/${file.path}`;
    this.#options = options;
    this.#report = report;
  }

  async run(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    for (let attempt = 1; (await this.#partBytes()) < this.#file.sizeBytes; attempt += 1) await this.#attempt(attempt);
    const flaw = await flawOf(this.#partPath, this.#file);
    if (flaw !== null) {
      await rm(this.#partPath, { force: true });
      throw this.#error('wrongFile', `what ${this.#url} sends ${flaw}`);
    }
    await rename(this.#partPath, this.#path);
  }

  async #partBytes(): Promise<number> {
    return (await stat(this.#partPath).catch(() => null))?.size ?? 0;
  }

  /** One request. A connection lost after some bytes is no fault yet: the next attempt goes on from there. */
  async #attempt(attempt: number): Promise<void> {
    const before = await this.#partBytes();
    const silence = new Silence(this.#options.stallMs ?? defaultStallMs, this.#options.signal);
    try {
      await this.#receive(await this.#request(before, silence), silence);
    } catch (cause) {
      const fault = this.#named(cause, silence);
      const isLost = fault.reason === 'cut' || fault.reason === 'stalled';
      if (!isLost || attempt === attempts || (await this.#partBytes()) <= before) throw fault;
    } finally {
      silence.end();
    }
  }

  async #request(fromByte: number, { signal }: Silence): Promise<Response> {
    // A compressed answer would make byte ranges and sizes those of another file.
    const headers = new Headers({ 'accept-encoding': 'identity' });
    if (fromByte > 0) headers.set('range', `bytes=${fromByte}-`);
    const response = await fetch(this.#url, { headers, signal }).catch((cause: unknown) => {
      throw this.#error('unreachable', `${this.#url} cannot be reached`, cause);
    });
    if (response.ok) return response;
    await response.body?.cancel();
    // 416: what lies here does not belong to the mirror's file; the next call starts over.
    if (response.status === 416) await rm(this.#partPath, { force: true });
    throw this.#error('refused', `${this.#url} answers ${response.status} ${response.statusText}`.trimEnd());
  }

  async #receive(response: Response, silence: Silence): Promise<void> {
    // A mirror that ignores Range answers 200 and the whole file.
    const part = await open(this.#partPath, response.status === 206 ? 'a' : 'w');
    try {
      await this.#append(part, response, silence);
      await part.sync();
    } finally {
      await part.close();
    }
    if ((await this.#partBytes()) < this.#file.sizeBytes) throw new Error('The answer ended early.');
  }

  async #append(part: FileHandle, response: Response, silence: Silence): Promise<void> {
    let { size } = await part.stat();
    const body = response.body as AsyncIterable<Uint8Array> | null;
    for await (const chunk of body ?? []) {
      silence.heard();
      await part.write(chunk);
      size += chunk.byteLength;
      if (size > this.#file.sizeBytes) return;
      this.#report(size);
    }
  }

  #named(cause: unknown, silence: Silence): ModelFetchError {
    if (this.#options.signal?.aborted === true) return this.#error('cancelled', 'the fetch was cancelled');
    if (silence.isStalled) return this.#error('stalled', `${this.#url} sent nothing for ${silence.stallMs} ms`, cause);
    if (cause instanceof ModelFetchError) return cause;
    return this.#error('cut', `the connection to ${this.#url} was lost`, cause);
  }

  #error(reason: ModelFetchReason, message: string, cause?: unknown): ModelFetchError {
    return new ModelFetchError({ file: this.#file.path, reason }, message, cause);
  }
}

/** A signal that fires when nothing was heard for `stallMs`, or when the caller's own fires. */
class Silence {
  readonly stallMs: number;
  readonly signal: AbortSignal;
  readonly #stalled = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(stallMs: number, signal: AbortSignal | undefined) {
    this.stallMs = stallMs;
    this.#timer = setTimeout(() => this.#stalled.abort(), stallMs);
    this.signal = signal === undefined ? this.#stalled.signal : AbortSignal.any([signal, this.#stalled.signal]);
  }

  get isStalled(): boolean {
    return this.#stalled.signal.aborted;
  }

  heard(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
