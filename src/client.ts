import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpLink,
  type Operation,
  retryLink,
  splitLink,
  type TRPCClient,
  TRPCClientError,
  type TRPCLink,
  wsLink,
} from '@trpc/client';
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server';
import type { AppRouter } from './router.js';

export type { AppRouter } from './router.js';
export { TRPCClientError };

/** The input of each procedure: `Inputs['prompts']['create']`. */
export type Inputs = inferRouterInputs<AppRouter>;

/** The output of each procedure: `Outputs['prompts']['similar']`. */
export type Outputs = inferRouterOutputs<AppRouter>;

/** What sign-up, log-in and refresh answer under `tokens`. */
export type SessionTokens = Outputs['auth']['login']['tokens'];

/** A typed client of every procedure. */
export type PromptwellClient = TRPCClient<AppRouter>;

/** How a client reaches the service and who it is. */
export interface ClientOptions {
  /** The service's URL, for example `http://127.0.0.1:3000`. */
  url: string;
  /** An access token or API key. */
  token?: string;
  /** Called for the token of each request and each connection; instead of `token`. */
  getToken?: () => string | Promise<string>;
  /** A session's tokens: refreshed by the client before they expire. */
  tokens?: SessionTokens;
  /** Told of refreshed tokens, to keep them. */
  onTokens?: (tokens: SessionTokens) => void;
  /** The WebSocket class, where there is no global one (Node 20: `import { WebSocket } from 'ws'`). */
  WebSocket?: unknown;
}

/** A token is refreshed this long before it expires. */
const refreshAheadMs = 30_000;
/** Calls that must not wait for each other, for a model answers some of them, or that fill a request alone. */
const neverBatched = new Set(['prompts.create', 'prompts.import', 'prompts.regenerate', 'auth.login', 'auth.signup']);
const maxBatchCalls = 10;
/** How often a call is made in all while the process that it meets is closing; the waits between add up to 1.5 s. */
const maxTries = 5;
const firstRetryMs = 100;
/** Subscriptions outlast any closing: their socket is told meanwhile to come again elsewhere. */
const maxRetryMs = 1_000;
/** How many events back a repeated one is known: a second of a thousand events a second, told while a socket hands over. */
const rememberedEvents = 1_024;
/** The longest wait before a lost socket is tried again. */
const maxReconnectMs = 5_000;

/**
 * A typed client: calls over HTTP, batched where that helps, subscriptions over one WebSocket that opens with the first
 * and closes after the last.
 *
 * Shape: queries travel by POST (long inputs fail as GET). A cut subscription reconnects and resumes by itself, with a
 * fresh token. A call that a closing process refused, which is to say did not begin, is made again. `prompts.stream` gets an `idempotencyKey` if it has none, so that a resumed stream asks no model twice.
 * Faults: `TRPCClientError`; read `error.data.code` and `error.data.details`.
 */
export function createPromptwellClient(options: ClientOptions): PromptwellClient {
  const url = `${options.url.replace(/\/+$/, '')}/trpc`;
  const token = tokenSource(options, url);
  const headers = async (): Promise<Record<string, string>> => {
    const bearer = await token();
    return bearer === null ? {} : { authorization: `Bearer ${bearer}` };
  };
  return createTRPCClient<AppRouter>({
    links: [
      keyedStreams,
      eachEventOnce,
      retryLink<AppRouter>({
        retry: ({ op, error, attempts }) => isClosing(error) && (op.type === 'subscription' || attempts < maxTries),
        retryDelayMs: (attempts) => Math.min(maxRetryMs, firstRetryMs * 2 ** (attempts - 1)),
      }),
      splitLink({
        condition: (operation) => operation.type === 'subscription',
        true: subscriptionLink(options, url, token),
        false: splitLink({
          condition: (operation) => neverBatched.has(operation.path),
          true: httpLink({ url, headers, methodOverride: 'POST' }),
          false: httpBatchLink({ url, headers, methodOverride: 'POST', maxItems: maxBatchCalls }),
        }),
      }),
    ],
  });
}

/** Subscriptions over a WebSocket that opens with the first. Without a WebSocket class, calls work all the same. */
function subscriptionLink(options: ClientOptions, url: string, token: TokenSource): TRPCLink<AppRouter> {
  const Socket = (options.WebSocket ?? globalThis.WebSocket) as typeof WebSocket | undefined;
  if (Socket === undefined) return withoutWebSocket;
  const client = createWSClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: async () => ({ token: (await token()) ?? '' }),
    lazy: { enabled: true, closeMs: 1_000 },
    retryDelayMs: reconnectDelayMs,
    keepAlive: { enabled: true, intervalMs: 20_000, pongTimeoutMs: 10_000 },
    WebSocket: Socket,
  });
  return wsLink({ client });
}

const isClosing = ({ data }: TRPCClientError<AppRouter>): boolean => data?.details.state === 'closing';

/** At once the first time, later ever longer, and not all clients of a process that died at the same moment. */
const reconnectDelayMs = (attempt: number): number =>
  attempt === 0 ? 0 : Math.min(maxReconnectMs, 250 * 2 ** attempt) * (0.5 + Math.random() / 2);

const withoutWebSocket: TRPCLink<AppRouter> = () => () => {
  throw new TRPCClientError('Subscriptions need a WebSocket class: pass `WebSocket` (on Node 20, the one of `ws`).');
};

/** Gives each stream a key of its own, once: reconnecting re-sends the same input. */
const keyedStreams: TRPCLink<AppRouter> = () => {
  return ({ op, next }) => next(op.path === 'prompts.stream' ? { ...op, input: keyed(op) } : op);
};

/**
 * Drops events of the feed that were told before: a socket that hands over to another and is then cut resumes behind what
 * it has told already.
 */
const eachEventOnce: TRPCLink<AppRouter> = () => {
  return ({ op, next }) => {
    if (op.path !== 'feed.follow') return next(op);
    const source = next(op);
    const told = new Set<string>();
    const isNew = (id: string): boolean => {
      if (told.has(id)) return false;
      told.add(id);
      const [oldest] = told;
      if (told.size > rememberedEvents && oldest !== undefined) told.delete(oldest);
      return true;
    };
    return {
      ...source,
      subscribe: (observer) =>
        source.subscribe({
          ...observer,
          next(envelope) {
            const id = envelope.result.type === 'data' ? envelope.result.id : undefined;
            if (id === undefined || isNew(id)) observer.next?.(envelope);
          },
        }),
    };
  };
};

function keyed({ input }: Operation): object {
  const given = input as { idempotencyKey?: string };
  return { ...given, idempotencyKey: given.idempotencyKey ?? globalThis.crypto.randomUUID() };
}

type TokenSource = () => Promise<string | null>;

function tokenSource(options: ClientOptions, url: string): TokenSource {
  let { tokens } = options;
  let refreshing: Promise<void> | undefined;
  const refresh = async (refreshToken: string): Promise<void> => {
    const bare = createTRPCClient<AppRouter>({ links: [httpLink({ url })] });
    const answer = await bare.auth.refresh.mutate({ refreshToken });
    tokens = answer.tokens;
    options.onTokens?.(answer.tokens);
  };
  return async () => {
    if (options.getToken !== undefined) return options.getToken();
    if (tokens === undefined) return options.token ?? null;
    if (Date.parse(tokens.accessTokenExpiresAt) - Date.now() < refreshAheadMs) {
      refreshing ??= refresh(tokens.refreshToken).finally(() => {
        refreshing = undefined;
      });
      await refreshing;
    }
    return tokens.accessToken;
  };
}
