import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';

/** A request that reached the endpoint. */
export interface EmbeddingsRequest {
  path: string;
  key: string | undefined;
  model: string;
  dimensions: number | undefined;
  texts: string[];
}

/** How one request is treated instead of being answered; answers true when it did. */
export type Treatment = (request: EmbeddingsRequest, response: ServerResponse) => boolean | Promise<boolean>;

/** A stranger's OpenAI-compatible embeddings server. */
export interface FakeEmbeddings extends AsyncDisposable {
  /** What goes into EMBEDDING_BASE_URL. */
  readonly baseUrl: string;
  readonly requests: EmbeddingsRequest[];
  /** The environment that makes it a space of `dimensions` named `endpoint:<model>:<dimensions>`. */
  env(dimensions?: number): Record<string, string>;
  /** The next requests are treated so, one treatment each. */
  script(...treatments: Treatment[]): void;
  /** Every request is first held until this resolves. */
  pace: () => Promise<void>;
  /** Answers in base64, in reverse order, as some servers do. */
  isOdd: boolean;
}

/** Refuses with a status, and a body that repeats the key and the text, as careless servers do. */
export const refusesWith =
  (status: number, headers: Record<string, string> = {}): Treatment =>
  (request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: { message: `no: ${String(request.key)} ${request.texts.join()}` } }));
    return true;
  };

/** A vector of the text's words: the same text, the same vector; shared words, nearer vectors. */
export function wordVector(text: string, dimensions: number): number[] {
  const vector = Array.from({ length: dimensions }, () => 0.001);
  for (const word of text.toLowerCase().split(/\W+/u)) {
    const hash = createHash('sha256').update(word).digest();
    const place = hash.readUInt32LE(0) % dimensions;
    vector[place] = (vector[place] ?? 0) + (word === '' ? 0 : 1);
  }
  return vector;
}

/** Starts one on a free port of this machine. It never sleeps. */
export async function fakeEmbeddings(model = 'words'): Promise<FakeEmbeddings> {
  const scripted: Treatment[] = [];
  const server = createServer((incoming, response) => void serve(incoming, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const fake: FakeEmbeddings = {
    baseUrl,
    requests: [],
    pace: () => Promise.resolve(),
    isOdd: false,
    env: (dimensions = 256) => ({
      PROMPTWELL_OFFLINE: '0',
      EMBEDDING_BASE_URL: baseUrl,
      EMBEDDING_API_KEY: 'sk-tests-only-embedding',
      EMBEDDING_MODEL: model,
      EMBEDDING_DIMENSIONS: String(dimensions),
    }),
    script: (...treatments) => void scripted.push(...treatments),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await readText(incoming)) as { model: string; input: string[]; dimensions?: number };
    const request: EmbeddingsRequest = {
      path: incoming.url ?? '',
      key: incoming.headers.authorization,
      model: body.model,
      dimensions: body.dimensions,
      texts: body.input,
    };
    fake.requests.push(request);
    await fake.pace();
    if (await scripted.shift()?.(request, response)) return;
    const data = body.input.map((text, index) => {
      const vector = wordVector(text, body.dimensions ?? 300);
      const embedding = fake.isOdd ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector;
      return { object: 'embedding', index, embedding };
    });
    response.writeHead(200, { 'content-type': 'application/json' });
    const usage = { prompt_tokens: 1, total_tokens: 1 };
    response.end(
      JSON.stringify({ object: 'list', data: fake.isOdd ? data.toReversed() : data, model: body.model, usage }),
    );
  }
}
