import type { Clock } from '../../kernel/clock.js';
import { retryAfterMs } from '../llm/failures.js';
import type { EmbeddingSpace } from './embedder.js';

/** Where an OpenAI-compatible endpoint is and what it is asked for. */
export interface EndpointConfig {
  baseUrl: string;
  /** None for an endpoint without a lock, such as Ollama on this machine. */
  apiKey: string | undefined;
  model: string;
  dimensions: number;
}

/** The space of an endpoint's vectors: another model or another length is another space. */
export const endpointSpace = ({ model, dimensions }: Pick<EndpointConfig, 'model' | 'dimensions'>): EmbeddingSpace => ({
  name: `endpoint:${model}:${dimensions}`,
  dimensions,
});

/** Why the endpoint gave no vectors, from a closed list. */
export type EndpointReason = 'rate_limited' | 'server_error' | 'unreachable' | 'refused_text' | 'auth' | 'malformed';

/** A refusal of the endpoint. Fixed words and no cause: what fetch and the SDK throw holds the key, the URL and texts. */
export class EndpointRefusal extends Error {
  override readonly name = 'EndpointRefusal';
  readonly reason: EndpointReason;
  readonly retryAfterMs: number | undefined;
  /** What is wrong with an answer that came; empty otherwise. */
  readonly flaw: string;

  constructor(reason: EndpointReason, more: { retryAfterMs?: number | undefined; flaw?: string } = {}) {
    super(`${reason}${more.flaw === undefined ? '' : `: ${more.flaw}`}`);
    this.reason = reason;
    this.retryAfterMs = more.retryAfterMs;
    this.flaw = more.flaw ?? '';
  }
}

/** Most bytes of one answer: 64 vectors of 2 000 numbers, 24 characters each, and room for what stands around them. */
const maxAnswerBytes = 8_000_000;

/** One request to an endpoint, and what it remembers of it. */
export class EndpointCall {
  readonly #config: EndpointConfig;
  readonly #clock: Clock;
  /** Sent at first, so that a model of variable length gives the right one; left out for endpoints that know no such field. */
  #asksDimensions = true;

  constructor(config: EndpointConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** The unit vectors of `texts`, in their order. Faults: `EndpointRefusal`. */
  async vectors(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> {
    const asked = this.#asksDimensions;
    try {
      return await this.#ask(texts, signal, asked);
    } catch (cause) {
      const refusal = cause instanceof EndpointRefusal ? cause : new EndpointRefusal('unreachable');
      if (refusal.reason !== 'refused_text' || !asked) throw refusal;
      // Perhaps it is the field that it does not accept, and not a text.
      const vectors = await this.#ask(texts, signal, false);
      this.#asksDimensions = false;
      return vectors;
    }
  }

  async #ask(texts: readonly string[], signal: AbortSignal, withDimensions: boolean): Promise<Float32Array[]> {
    const { baseUrl, apiKey, model, dimensions } = this.#config;
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
    const provider = createOpenAICompatible({
      name: 'openai-compatible',
      baseURL: baseUrl,
      fetch: plainFetch(this.#clock),
      ...(apiKey === undefined ? {} : { apiKey }),
    });
    const options = withDimensions ? { providerOptions: { openaiCompatible: { dimensions } } } : {};
    const embeddings = await Promise.resolve(
      provider.embeddingModel(model).doEmbed({ values: [...texts], abortSignal: signal, ...options }),
    ).then(
      (answer) => answer.embeddings,
      (cause: unknown) => {
        throw refusalIn(cause);
      },
    );
    if (embeddings.length !== texts.length)
      throw new EndpointRefusal('malformed', { flaw: `${embeddings.length} vectors for ${texts.length} texts` });
    return embeddings.map((vector) => unit(vector, dimensions));
  }
}

/** The refusal that the SDK wrapped, however deep. */
function refusalIn(cause: unknown): EndpointRefusal {
  for (let next = cause, depth = 0; next instanceof Error && depth < 5; next = next.cause, depth += 1)
    if (next instanceof EndpointRefusal) return next;
  return cause instanceof Error && /JSON|Type ?Validation/i.test(cause.name)
    ? new EndpointRefusal('malformed', { flaw: 'no list of vectors' })
    : new EndpointRefusal('unreachable');
}

/** A fetch whose answer holds floats in the order asked, whatever the endpoint sends: base64, or another order. */
const plainFetch =
  (clock: Clock): typeof fetch =>
  async (url, init) => {
    // A redirect is not followed: the key and the texts would go along to wherever it points.
    const response = await fetch(url, { ...init, redirect: 'manual' });
    if (!response.ok) {
      await response.body?.cancel();
      throw statusRefusal(response, clock);
    }
    const answer = await boundedJson(response);
    return Response.json({ ...answer, data: inOrder(answer.data ?? []) });
  };

interface Item {
  index?: number;
  embedding: number[] | string;
}

const inOrder = (items: Item[]): Item[] =>
  items
    .toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0))
    .map((item) => ({
      ...item,
      embedding: typeof item.embedding === 'string' ? floats(item.embedding) : item.embedding,
    }));

/** Little-endian float32, as OpenAI sends them. */
function floats(base64: string): number[] {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readFloatLE(index * 4));
}

async function boundedJson(response: Response): Promise<{ data?: Item[] }> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxAnswerBytes) throw new EndpointRefusal('malformed', { flaw: 'an answer without an end' });
    chunks.push(chunk);
  }
  try {
    const answer: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const { data } = answer as { data?: unknown };
    if (Array.isArray(data)) return answer as { data: Item[] };
  } catch {
    // Falls to the refusal: the parser's words would quote the answer.
  }
  throw new EndpointRefusal('malformed', { flaw: 'no list of vectors' });
}

function statusRefusal({ status, headers }: Response, clock: Clock): EndpointRefusal {
  const waitMs = retryAfterMs(headers.get('retry-after'), clock.nowMs());
  if (status === 429) return new EndpointRefusal('rate_limited', { retryAfterMs: waitMs });
  if (status >= 500) return new EndpointRefusal('server_error', { retryAfterMs: waitMs });
  if (status === 400 || status === 413 || status === 422) return new EndpointRefusal('refused_text');
  return new EndpointRefusal('auth', { flaw: `status ${status}` });
}

function unit(vector: readonly number[], dimensions: number): Float32Array {
  if (vector.length !== dimensions)
    throw new EndpointRefusal('malformed', { flaw: `${vector.length} dimensions, not EMBEDDING_DIMENSIONS` });
  const length = Math.hypot(...vector);
  if (!Number.isFinite(length) || length === 0) throw new EndpointRefusal('malformed', { flaw: 'no direction' });
  return Float32Array.from(vector, (component) => component / length);
}
