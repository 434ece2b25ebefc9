import { EventEmitter } from 'node:events';
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../kernel/clock.js';
import type { Connection } from '../rpc/context.js';
import { closeCodes, limits } from './limits.js';

const openState = 1;
const openingBracket = 0x5b;

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
  #allowance: number = limits.socketBurstMessages;
  #refilledAtMs: number;
  #waiting: (() => void)[] = [];
  #stall: NodeJS.Timeout | undefined;

  readonly #maxSubscriptions: number;
  #subscriptions = 0;

  constructor(socket: WebSocket, deps: { clock: Clock; maxSubscriptions: number }) {
    super();
    this.#socket = socket;
    this.#clock = deps.clock;
    this.#maxSubscriptions = deps.maxSubscriptions;
    this.#refilledAtMs = deps.clock.monotonicMs();
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('error', (error) => this.listenerCount('error') > 0 && this.emit('error', error));
    socket.once('close', (code) => {
      clearTimeout(this.#stall);
      this.#release();
      this.emit('close', code);
    });
  }

  /** The state of the socket, as `ws` numbers it. */
  get readyState(): number {
    return this.#socket.readyState;
  }

  /** Sends a frame; a socket that already holds too many unsent bytes is closed instead. */
  send(data: string | Uint8Array): void {
    if (this.#socket.readyState !== openState) return;
    this.#socket.send(data, () => this.#flushed());
    if (this.#socket.bufferedAmount > limits.socketBufferedBytes) this.#closeSlow();
    else if (this.#socket.bufferedAmount > limits.socketHighWaterBytes)
      this.#stall ??= setTimeout(() => this.#closeSlow(), limits.socketStallMs);
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
    const cut = setTimeout(() => this.#socket.terminate(), 1_000);
    cut.unref();
    this.#socket.once('close', () => clearTimeout(cut));
  }

  /** Cuts the connection off at once. */
  terminate(): void {
    this.#socket.terminate();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#socket.readyState !== openState) return;
    if (isBinary) return this.close(closeCodes.unsupportedData, 'text frames only');
    if (!this.#mayReceive()) return this.close(closeCodes.policy, 'too many messages');
    if (Buffer.isBuffer(data) && isOversizedBatch(data)) return this.close(closeCodes.policy, 'batch too large');
    this.emit('message', data, isBinary);
  }

  /** A token bucket in monotonic time. */
  #mayReceive(): boolean {
    const now = this.#clock.monotonicMs();
    const back = ((now - this.#refilledAtMs) / 1_000) * limits.socketMessagesPerSecond;
    this.#allowance = Math.min(limits.socketBurstMessages, this.#allowance + back);
    this.#refilledAtMs = now;
    if (this.#allowance < 1) return false;
    this.#allowance -= 1;
    return true;
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

/** Whether a frame is a JSON array of more calls than a batch may hold; only arrays are parsed for it. */
function isOversizedBatch(frame: Buffer): boolean {
  const first = frame.find((byte) => byte > 0x20);
  if (first !== openingBracket) return false;
  try {
    const calls: unknown = JSON.parse(frame.toString('utf8'));
    return Array.isArray(calls) && calls.length > limits.batchCalls;
  } catch {
    return false;
  }
}
