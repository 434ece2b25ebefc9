import { once } from 'node:events';
import { connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { type ClientOptions, WebSocket } from 'ws';
import type { ErrorShape } from '../../src/rpc/faults.js';

/** An answer as it stood on the wire. */
export interface WireAnswer {
  status: number;
  headers: Headers;
  text: string;
  data: unknown;
  error: ErrorShape | undefined;
}

/** What a call is made of besides its path. */
export interface WireCall {
  token?: string | undefined;
  /** The body, or what stands in `?input=` of a GET; a string is sent as it is. */
  input?: unknown;
  method?: string;
  headers?: Record<string, string>;
}

/** Makes one call by hand, POST if it says nothing else: what a client would never send can be sent. */
export async function call(
  url: string,
  path: string,
  { token, input, method = 'POST', headers = {} }: WireCall = {},
): Promise<WireAnswer> {
  const text = typeof input === 'string' || input === undefined ? input : JSON.stringify(input);
  const credential = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const request =
    method === 'GET'
      ? { query: text === undefined ? '' : `?input=${encodeURIComponent(text)}`, type: {}, body: {} }
      : { query: '', type: { 'content-type': 'application/json' }, body: text === undefined ? {} : { body: text } };
  const response = await fetch(`${url}/trpc/${path}${request.query}`, {
    method,
    headers: { ...request.type, ...credential, ...headers },
    ...request.body,
  });
  return opened(response.status, response.headers, await response.text());
}

function opened(status: number, headers: Headers, body: string): WireAnswer {
  const answer = { status, headers, text: body };
  try {
    const parsed = JSON.parse(body) as { result?: { data: unknown }; error?: ErrorShape };
    return { ...answer, data: parsed.result?.data, error: parsed.error };
  } catch {
    return { ...answer, data: undefined, error: undefined };
  }
}

/** Sends `request` over a connection of its own; answers all that came back until the service closed it, or nothing more for 5 s. */
export async function exchange(url: string, request: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.setTimeout(5_000, () => socket.destroy());
  socket.write(request);
  return readText(socket).catch(() => '');
}

/** The first line of a raw HTTP answer's status. */
export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);

/** A WebSocket that a test drives by hand. */
export interface WireSocket {
  ws: WebSocket;
  /** The code it was closed with; 1006 when it was cut. */
  closed: Promise<number>;
  /** Every frame so far, oldest first. */
  frames: string[];
  send(message: unknown): void;
}

/** Opens a socket and, with a token, says who it is. Faults: the refused handshake, as `Unexpected server response: <status>`. */
export async function openSocket(url: string, token?: string | null, options: ClientOptions = {}): Promise<WireSocket> {
  const ws = new WebSocket(`${url.replace('http', 'ws')}/trpc?connectionParams=1`, options);
  const frames: string[] = [];
  ws.on('message', (data: Buffer) => frames.push(data.toString('utf8')));
  const closed = new Promise<number>((resolve) => ws.once('close', resolve));
  await once(ws, 'open');
  ws.on('error', () => undefined);
  const send = (message: unknown): void => ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  if (token != null) send({ method: 'connectionParams', data: { token } });
  return { ws, closed, frames, send };
}

/** One call as a frame: `query auth.me`, `subscription feed.follow`. */
export function frame(id: number, procedure: string, input?: unknown) {
  const [method, path] = procedure.split(' ');
  return { id, jsonrpc: '2.0', method, params: { path, input } };
}
