import { type Encoder, jsonEncoder } from '@trpc/server/adapters/ws';
import { openingOf, type PushedItem } from '../rpc/pushing.js';
import type { GuardedSocket } from './guarded-socket.js';

/** Clients number their calls from 1, so that one event needs few frames; past so many the oldest is made anew. */
const callsPerItem = 64;

type CallId = number | string;

interface Told {
  /** Everything after the call's id: the same for every reader. */
  rest: string;
  byCall: Map<CallId, Buffer>;
}

/** Frames of pushed items in tRPC's wire format, made once for all who are told the same under the same call id. */
export class Frames {
  readonly #told = new WeakMap<object, Told>();

  /** The text frame's payload, as tRPC's own encoder writes it. */
  of(callId: CallId, item: PushedItem): Buffer {
    const told = this.#told.get(item) ?? this.#tell(item);
    const known = told.byCall.get(callId);
    if (known !== undefined) return known;
    const frame = Buffer.from(`{"id":${JSON.stringify(callId)},${told.rest}`);
    if (told.byCall.size < callsPerItem) told.byCall.set(callId, frame);
    return frame;
  }

  #tell(item: PushedItem): Told {
    const { id, data } = item;
    const rest = JSON.stringify({ result: { type: 'data', data: { id, data }, id } }).slice(1);
    const told = { rest, byCall: new Map<CallId, Buffer>() };
    this.#told.set(item, told);
    return told;
  }
}

/** What tRPC hands an encoder when a subscription has an item. */
interface Message {
  id?: unknown;
  jsonrpc?: unknown;
  result?: { data?: unknown };
}

/** tRPC's own encoder for one socket, which also opens the short way of streams that are marked. */
export function encoderFor(socket: GuardedSocket, frames: Frames): Encoder {
  return {
    encode(message: Message) {
      const item = message.result?.data;
      if (isTracked(item)) openWay(message, item.data, (callId, pushed) => socket.push(frames.of(callId, pushed)));
      return jsonEncoder.encode(message);
    },
    decode,
  };
}

/** One for all sockets: there may be many. */
const decode: Encoder['decode'] = (frame) => jsonEncoder.decode(frame);

/** Callers who ask for the JSON-RPC field in answers get every item through tRPC's loop. */
function openWay({ id, jsonrpc }: Message, data: object, push: (callId: CallId, item: PushedItem) => boolean): void {
  if (jsonrpc !== undefined || (typeof id !== 'number' && typeof id !== 'string')) return;
  openingOf(data)?.open((item) => push(id, item));
}

const isTracked = (item: unknown): item is { data: object } =>
  typeof item === 'object' && item !== null && 'data' in item && typeof item.data === 'object' && item.data !== null;
