import { EventEmitter } from 'node:events';
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../kernel/clock.js';
import type { Connection } from '../rpc/context.js';
import { closeCodes, limits } from './limits.js';

const openState = 1;
const openingBracket = 0x5b;
const textFrame = { binary: false };
/** How long a peer has to answer a closing frame. */
const closingMs = 1_000;

/**
 * A WebSocket as tRPC sees it, with the bounds that tRPC's adapter does not set: the rate of messages, the calls of a
 * batch, the bytes that wait unsent, and the time a reader may stall.
 *
 * tRPC attaches its listeners here; only messages within bounds are passed on. A breach closes the socket with the code
 * that says why, and nothing of the message is executed.
 */
export class GuardedSocket extends EventEmitter implements Connection {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  #allowance: number = limits.socketBurstCalls;
  #refilledAtMs: number;
  #waiting: (() => void)[] = [];
  #stall: NodeJS.Timeout | undefined;
  #cut: NodeJS.Timeout | undefined;

  readonly #maxSubscriptions: number;
  #subscriptions = 0;

  constructor(socket: WebSocket, deps: { clock: Clock; maxSubscriptions: number }) {
    super();
    this.#socket = socket;
    this.#clock = deps.clock;
    this.#maxSubscriptions = deps.maxSubscriptions;
    this.#refilledAtMs = deps.clock.monotonicMs();
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    // A frame against the protocol: `ws` has begun to close with the code that says so.
    socket.on('error', () => this.#cutSoon());
    socket.once('close', (code) => {
      clearTimeout(this.#stall);
      clearTimeout(this.#cut);
      this.#release();
      this.emit('close', code);
    });
  }

  /** The state of the socket, as `ws` numbers it. */
  get readyState(): number {
    return this.#socket.readyState;
  }

  /** Sends a frame of any length; a socket that already holds too many unsent bytes is closed instead. */
  send(data: string | Uint8Array): void {
    if (this.#socket.readyState !== openState) return;
    if (this.#socket.bufferedAmount > limits.socketBufferedBytes) return this.#closeSlow();
    this.#write(data);
  }

  /** Sends a text frame if there is room for more; answers whether it did. */
  push(frame: Buffer): boolean {
    if (this.#socket.readyState !== openState || this.#socket.bufferedAmount > limits.socketHighWaterBytes)
      return false;
    this.#write(frame);
    return true;
  }

  #write(data: string | Uint8Array): void {
    // A UTF-16 unit is at most three bytes. Below the mark nobody waits to hear that the bytes are gone.
    const mayFill = this.#socket.bufferedAmount + data.length * 3 > limits.socketHighWaterBytes;
    this.#socket.send(data, textFrame, mayFill ? () => this.#flushed() : undefined);
    const unsentBytes = this.#socket.bufferedAmount;
    if (unsentBytes <= limits.socketHighWaterBytes) return;
    const excessBytes = Math.max(0, unsentBytes - limits.socketBufferedBytes);
    const patienceMs = limits.socketStallMs + (excessBytes / limits.socketSlowestBytesPerSecond) * 1_000;
    this.#stall ??= setTimeout(() => this.#closeSlow(), patienceMs);
  }

  drained(): Promise<void> {
    if (this.#socket.readyState !== openState || this.#socket.bufferedAmount <= limits.socketHighWaterBytes)
      return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  isOpen(): boolean {
    return this.#socket.readyState === openState;
  }

  enter(): (() => void) | null {
    if (this.#subscriptions >= this.#maxSubscriptions) return null;
    this.#subscriptions += 1;
    return () => {
      this.#subscriptions -= 1;
    };
  }

  /** Closes with a code; a peer that does not answer the closing is cut off. */
  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
    this.#cutSoon();
  }

  /** Cuts the connection off at once. */
  terminate(): void {
    this.#socket.terminate();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#socket.readyState !== openState) return;
    // `ws` hands a frame over as one buffer; its other forms belong to binary types that are not set.
    if (isBinary || !Buffer.isBuffer(data)) return this.close(closeCodes.unsupportedData, 'text frames only');
    const calls = callsIn(data);
    if (calls > limits.batchCalls) return this.close(closeCodes.policy, 'batch too large');
    if (!this.#mayReceive(Math.max(calls, data.length / limits.socketBytesPerCall)))
      return this.close(closeCodes.policy, 'too many messages');
    this.emit('message', data, isBinary);
  }

  /** A token bucket in monotonic time. */
  #mayReceive(calls: number): boolean {
    const now = this.#clock.monotonicMs();
    const back = ((now - this.#refilledAtMs) / 1_000) * limits.socketCallsPerSecond;
    this.#allowance = Math.min(limits.socketBurstCalls, this.#allowance + back);
    this.#refilledAtMs = now;
    if (this.#allowance < calls) return false;
    this.#allowance -= calls;
    return true;
  }

  /** A peer that does not answer the closing is cut off. */
  #cutSoon(): void {
    if (this.#cut !== undefined) return;
    this.#cut = setTimeout(() => this.#socket.terminate(), closingMs).unref();
  }

  #flushed(): void {
    if (this.#socket.bufferedAmount > limits.socketHighWaterBytes) return;
    clearTimeout(this.#stall);
    this.#stall = undefined;
    this.#release();
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #closeSlow(): void {
    this.close(closeCodes.tooSlow, 'reader too slow');
  }
}

/** How many calls a frame holds: the length of a JSON array, else one; only arrays are parsed for it. */
function callsIn(frame: Buffer): number {
  const first = frame.find((byte) => byte > 0x20);
  if (first !== openingBracket) return 1;
  try {
    const calls: unknown = JSON.parse(frame.toString('utf8'));
    return Array.isArray(calls) ? Math.max(1, calls.length) : 1;
  } catch {
    return 1;
  }
}
