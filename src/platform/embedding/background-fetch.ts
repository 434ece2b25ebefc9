import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../log.js';
import { fetchModel, ModelFetchError } from './fetch-model.js';
import type { ModelFile } from './model-files.js';

/** How far the neural model is on its way to this machine. */
export interface FetchState {
  state: 'forbidden' | 'fetching' | 'waiting' | 'fetched';
  percent: number;
  /** In words: what is going on, or why it failed last. */
  message: string;
}

/** What a fetch in the background is made of. */
export interface BackgroundFetchDeps {
  modelDir: string;
  mirrorUrl: string;
  log: Log;
  /** What to fetch; default: the neural model's files. */
  files?: readonly ModelFile[];
}

/** Waits after a failure: first, and at most (doubling); a mirror that is away is asked four times an hour. */
const firstRetryMs = 1_000;
const longestRetryMs = 15 * 60_000;
/** How often progress is logged, in percent. */
const logStep = 10;

/** Fetches the neural model while the service serves without it. Failures are told, waited out, and harm nothing. */
export class BackgroundFetch {
  readonly #deps: BackgroundFetchDeps;
  readonly #closing = new AbortController();
  #state: FetchState = { state: 'fetching', percent: 0, message: 'the neural model is being fetched: 0 %' };
  #work: Promise<void> = Promise.resolve();

  constructor(deps: BackgroundFetchDeps) {
    this.#deps = deps;
  }

  /** How far it is now. */
  state(): FetchState {
    return this.#state;
  }

  /** Begins; calls `onDone` once, when every file is there and checked. */
  start(onDone: () => void): void {
    this.#work = this.#run().then((isDone) => {
      if (isDone) onDone();
    });
  }

  /** Stops; what came is kept, and the next start goes on from there. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#work;
  }

  async #run(): Promise<boolean> {
    for (let waitMs = firstRetryMs; !this.#closing.signal.aborted; waitMs = Math.min(2 * waitMs, longestRetryMs)) {
      try {
        await this.#fetch();
        return true;
      } catch (cause) {
        if (this.#closing.signal.aborted) return false;
        const why = cause instanceof ModelFetchError ? cause.message : 'the files cannot be written';
        const message = `the neural model could not be fetched (${why}); next try in ${waitMs / 1_000} s`;
        this.#state = { state: 'waiting', percent: this.#state.percent, message };
        // Of a mirror that is not there, which is no bug, one line and no stack.
        const facts = cause instanceof ModelFetchError ? { reason: why } : { err: cause };
        this.#deps.log.warn({ ...facts, retryMs: waitMs }, 'the neural model could not be fetched; trying again');
        await delay(waitMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
      }
    }
    return false;
  }

  async #fetch(): Promise<void> {
    const { log, modelDir, mirrorUrl, files } = this.#deps;
    let logged = this.#state.percent;
    log.info({ mirror: new URL(mirrorUrl).host }, 'fetching the neural model in the background');
    await fetchModel({
      modelDir,
      mirrorUrl,
      signal: this.#closing.signal,
      ...(files === undefined ? {} : { files }),
      onProgress: ({ fetchedBytes, totalBytes }) => {
        const percent = Math.floor((100 * fetchedBytes) / totalBytes);
        this.#state = { state: 'fetching', percent, message: `the neural model is being fetched: ${percent} %` };
        if (percent < logged + logStep) return;
        logged = percent - (percent % logStep);
        log.info({ percent }, 'fetching the neural model');
      },
    });
    this.#state = { state: 'fetched', percent: 100, message: 'the neural model is fetched' };
    log.info({}, 'the neural model is fetched and checked');
  }
}

/** What is told where fetching is forbidden. */
export const fetchForbidden: FetchState = {
  state: 'forbidden',
  percent: 0,
  message: 'the neural model is not here, and PROMPTWELL_OFFLINE forbids fetching it',
};
