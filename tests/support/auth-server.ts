import { WebSocket } from 'ws';
import { loadConfig } from '../../src/config.js';
import { createApiKeyRouter, createAuthRouter, createProjectRouter } from '../../src/features/accounts/router.js';
import type { MeView } from '../../src/features/accounts/schema.js';
import { createHttpServer } from '../../src/http/server.js';
import type { Database } from '../../src/platform/db/database.js';
import type { ErrorShape } from '../../src/rpc/faults.js';
import { projectProcedure, router } from '../../src/rpc/procedures.js';
import { openAccounts } from './accounts.js';

/** What a call answered: `data` when it succeeded, `error` when not; the other one is not there. */
export interface Answer<Data> {
  status: number;
  data: Data;
  error: ErrorShape;
  headers: Headers;
}

interface Envelope<Data> {
  result?: { data: Data };
  error?: ErrorShape;
}

/** The parts of an answer on the wire. A test that reads the part that is not there fails by it. */
const opened = <Data>({ result, error }: Envelope<Data>) => ({
  data: result?.data as Data,
  error: error as ErrorShape,
});

/** The account procedures behind the real door, with two procedures that only ask for a scope. */
export async function openAuthServer(db: Database, env: Record<string, string> = {}) {
  const room = await openAccounts(db, env);
  const bugs: unknown[] = [];
  const silent = { debug() {}, info() {}, warn() {}, error: (facts: object) => bugs.push(facts) };
  const scoped = (scope: 'prompts:read' | 'prompts:write') =>
    projectProcedure(scope).query(({ ctx }) => ctx.access.projectId);
  const server = await createHttpServer({
    config: loadConfig({ ...env, PORT: '0' }).http,
    metricsToken: undefined,
    router: router({
      auth: createAuthRouter(room),
      apiKeys: createApiKeyRouter(room.apiKeys),
      projects: createProjectRouter(room),
      scoped: router({ read: scoped('prompts:read'), write: scoped('prompts:write') }),
    }),
    authenticator: room.authenticator,
    clock: room.clock,
    ids: room.ids,
    log: silent,
    onCall: () => undefined,
    onHttpResponse: () => undefined,
    onSockets: () => undefined,
    readiness: async () => ({ isReady: true, checks: {} }),
    renderMetrics: async () => ({ body: '', contentType: 'text/plain' }),
  });
  const url = await server.listen();

  const answer = async <Data>(response: Response): Promise<Answer<Data>> => ({
    ...opened((await response.json()) as Envelope<Data>),
    status: response.status,
    headers: response.headers,
  });
  const headers = (token?: string) => ({
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  });
  /** POST: a mutation, given its input as the body. */
  const post = async <Data = unknown>(path: string, input: unknown, token?: string): Promise<Answer<Data>> =>
    answer(
      await fetch(`${url}/trpc/${path}`, { method: 'POST', headers: headers(token), body: JSON.stringify(input) }),
    );
  /** GET: a query. */
  const get = async <Data = unknown>(path: string, token?: string, input?: unknown): Promise<Answer<Data>> => {
    const query = input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`;
    return answer(await fetch(`${url}/trpc/${path}${query}`, { headers: headers(token) }));
  };
  /** A socket that has sent its credential; `closed` resolves with the code of its end, `answered` with its first answer, who it is. */
  const socket = (token: string) => {
    const ws = new WebSocket(`${url.replace('http', 'ws')}/trpc?connectionParams=1`);
    const closed = new Promise<number>((resolve) => ws.on('close', resolve));
    const answered = new Promise<MeView>((resolve) =>
      ws.on('message', (message) => resolve(opened<MeView>(JSON.parse((message as Buffer).toString())).data)),
    );
    ws.on('open', () => {
      ws.send(JSON.stringify({ method: 'connectionParams', data: { token } }));
      ws.send(JSON.stringify({ id: 1, method: 'query', params: { path: 'auth.me' } }));
    });
    ws.on('error', () => undefined);
    return { ws, closed, answered };
  };
  const close = async (): Promise<void> => {
    await server.close();
    await room.close();
  };
  return { ...room, url, post, get, socket, bugs, close };
}

/** The server as tests use it. */
export type AuthServer = Awaited<ReturnType<typeof openAuthServer>>;
