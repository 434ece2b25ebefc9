import type { Clock } from '../../kernel/clock.js';
import { Fault } from '../../kernel/fault.js';
import { isForgotten, VectorCache } from './cache.js';
import type {
  EmbeddedText,
  Embedder,
  EmbedderState,
  EmbeddingLane,
  EmbeddingObserver,
  EmbeddingSpace,
  EmbedOptions,
  ForgottenTexts,
} from './embedder.js';
import { EndpointCall, type EndpointConfig, EndpointRefusal, endpointSpace } from './endpoint-call.js';
import { cancelled, closing, full } from './faults.js';
import { type Job, urgencies, WaitingRoom } from './waiting-room.js';

/** What an endpoint's embedder is made of. */
export interface EndpointDeps {
  endpoint: EndpointConfig;
  /** Texts that may wait in each lane. */
  queueLimit: number;
  clock: Clock;
  observer: EmbeddingObserver;
}

/** Requests at once; the background takes all but one of them, so that a search never waits behind a fill. */
const slots = 4;
/** Longest wait for one answer, and tries of one batch after a refusal that may pass: few where somebody waits. */
const patience = {
  interactive: { timeoutMs: 5_000, tries: 2, longestRetryMs: 2_000 },
  background: { timeoutMs: 30_000, tries: 4, longestRetryMs: 30_000 },
} as const;
/** The first wait between tries, doubled each time up to the longest. */
const firstRetryMs = 500;
/** When a caller may try again after the lane was full. */
const fullRetryMs = 1_000;
/** Characters of a text that are sent; most models read 8 192 tokens, which is less for some scripts: see `#shorter`. */
const mostCharacters = 24_000;
/** A text refused at this length is refused for what it is. */
const leastCharacters = 1_500;

/**
 * An embedder that asks an OpenAI-compatible endpoint: the texts leave this machine.
 *
 * Shape: lanes, micro-batches, cache and bounds as in the pool of threads; a text too long for the model is halved until
 * it is taken, and then `isTruncated`. Faults: those of `Embedder.embed`; `upstream` when the endpoint refuses the key or
 * answers nonsense, `overloaded` when it stays busy or away. No fault and no log line holds the key, the URL or a text.
 */
export const createEndpoint = (deps: EndpointDeps): Embedder => new EndpointEmbedder(deps);

class EndpointEmbedder implements Embedder {
  readonly space: EmbeddingSpace;
  readonly #deps: EndpointDeps;
  readonly #call: EndpointCall;
  readonly #room: WaitingRoom;
  readonly #cache: VectorCache;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #background = 0;

  constructor(deps: EndpointDeps) {
    this.#deps = deps;
    this.space = endpointSpace(deps.endpoint);
    this.#call = new EndpointCall(deps.endpoint, deps.clock);
    this.#room = new WaitingRoom(deps.queueLimit);
    this.#cache = new VectorCache(deps.observer);
  }

  async embed(texts: readonly string[], { lane, scope, signal }: EmbedOptions): Promise<EmbeddedText[]> {
    if (signal?.aborted === true) throw cancelled();
    if (this.#closing.signal.aborted) throw closing();
    return this.#cache.through(texts, scope, (missing) => {
      const jobs = this.#room.admit(missing, lane);
      if (jobs === null) throw full(fullRetryMs);
      return this.#room.outcomes(jobs, signal, () => this.#dispatch());
    });
  }

  /** It is asked only when there is a text, so nothing is known of it before: configured counts as ready. */
  state(): EmbedderState {
    return { space: this.space, isReady: !this.#closing.signal.aborted, waiting: this.#room.waiting() };
  }

  forget(what?: ForgottenTexts): void {
    this.#cache.forget(what);
    this.#room.forget((key) => isForgotten(key, what));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#room.rejectWaiting(closing(), 'all');
    await Promise.all(this.#running);
  }

  #dispatch(): void {
    while (this.#running.size < slots && !this.#closing.signal.aborted) {
      const { jobs, isBackground } = this.#next();
      if (jobs.length === 0) return;
      if (isBackground) this.#background += 1;
      const run = this.#run(jobs, isBackground).then(() => {
        this.#running.delete(run);
        if (isBackground) this.#background -= 1;
        this.#dispatch();
      });
      this.#running.add(run);
    }
  }

  #next(): { jobs: Job[]; isBackground: boolean } {
    for (let urgency = 0; urgency < urgencies - 1; urgency += 1) {
      const jobs = this.#room.take(urgency);
      if (jobs.length > 0) return { jobs, isBackground: false };
    }
    const suspect = this.#room.takeSuspect();
    if (suspect.length > 0) return { jobs: suspect, isBackground: false };
    return { jobs: this.#background < slots - 1 ? this.#room.take(urgencies - 1) : [], isBackground: true };
  }

  async #run(jobs: readonly Job[], isBackground: boolean): Promise<void> {
    const lane = isBackground ? 'background' : 'interactive';
    const startedMs = this.#deps.clock.monotonicMs();
    try {
      const embedded = await this.#embed(jobs, lane);
      for (const [index, job] of jobs.entries()) this.#finish(job, embedded[index] ?? neverMade());
      const durationMs = this.#deps.clock.monotonicMs() - startedMs;
      this.#deps.observer.onBatch({ texts: jobs.length, durationMs, lane });
    } catch (cause) {
      const isOfText = cause instanceof EndpointRefusal && cause.reason === 'refused_text';
      for (const job of jobs) {
        if (isOfText && jobs.length > 1) this.#room.retryAlone(job);
        else this.#room.reject(job, this.#closing.signal.aborted ? closing() : faultOf(cause));
      }
    }
  }

  #finish(job: Job, embedded: EmbeddedText): void {
    if (job.isKept) this.#cache.set(job.key, embedded);
    this.#room.resolve(job, embedded);
  }

  async #embed(jobs: readonly Job[], lane: EmbeddingLane): Promise<EmbeddedText[]> {
    const [alone] = jobs;
    if (alone !== undefined && jobs.length === 1) return [await this.#shorter(alone.text, lane)];
    const texts = jobs.map(({ text }) => cut(text, mostCharacters));
    const vectors = await this.#patiently(texts, lane);
    return vectors.map((vector, index) => ({ vector, isTruncated: (jobs[index]?.text.length ?? 0) > mostCharacters }));
  }

  /** A text alone, as much of it as the endpoint takes. */
  async #shorter(text: string, lane: EmbeddingLane): Promise<EmbeddedText> {
    for (let length = Math.min(text.length, mostCharacters); ; length = Math.floor(length / 2)) {
      try {
        const [vector = neverMade()] = await this.#patiently([cut(text, length)], lane);
        return { vector, isTruncated: length < text.length };
      } catch (cause) {
        const isRefused = cause instanceof EndpointRefusal && cause.reason === 'refused_text';
        if (!isRefused || length <= leastCharacters) throw cause;
      }
    }
  }

  /** One request, again after a refusal that may pass. */
  async #patiently(texts: readonly string[], lane: EmbeddingLane): Promise<Float32Array[]> {
    const { timeoutMs, tries, longestRetryMs } = patience[lane];
    for (let attempt = 1, waitMs = firstRetryMs; ; attempt += 1, waitMs *= 2) {
      try {
        const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMs)]);
        return await this.#call.vectors(texts, signal);
      } catch (cause) {
        if (!(cause instanceof EndpointRefusal) || !mayPass.has(cause.reason) || attempt === tries) throw cause;
        await this.#pause(Math.min(longestRetryMs, cause.retryAfterMs ?? waitMs));
        if (this.#closing.signal.aborted) throw cause;
      }
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    });
  }
}

const mayPass: ReadonlySet<string> = new Set(['rate_limited', 'server_error', 'unreachable']);

/** Never in the middle of a character of two halves: a lone half is no text. */
const cut = (text: string, length: number): string => text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');

function faultOf(cause: unknown): Fault {
  const refusal = cause instanceof EndpointRefusal ? cause : new EndpointRefusal('unreachable');
  const details = { provider: 'embedding endpoint', reason: refusal.reason };
  if (refusal.reason === 'refused_text')
    return new Fault('unprocessable', 'The embedding endpoint does not take the text.', {
      ...details,
      reason: 'embedding',
    });
  if (mayPass.has(refusal.reason))
    return new Fault('overloaded', 'The embedding endpoint is away or busy; try again shortly.', {
      ...details,
      retryAfterMs: refusal.retryAfterMs ?? patience.background.longestRetryMs,
    });
  const flaw = refusal.flaw === '' ? '' : ` (${refusal.flaw})`;
  return new Fault('upstream', `The embedding endpoint refuses the call or answers nonsense${flaw}.`, details);
}

function neverMade(): never {
  throw new Error('The endpoint answered with fewer vectors than texts.');
}
