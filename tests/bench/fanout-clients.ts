import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { until } from '../support/wait.js';

/** Where the clients of a bench connect, and what each says first. */
export interface Target {
  url: string;
  /** Texts sent at once after the handshake: the credential and the subscription, in tRPC's wire format. */
  hello: readonly string[];
  /** Frames that come before the first event: `started`, `ready`. */
  greetings: number;
}

const textOpcode = 1;
const pingLength = 4;

/**
 * A WebSocket client that counts frames and reads none: the service's cost is measured, not the client's.
 *
 * Source: RFC 6455 section 5.2; the mask of a client's frames is zero, which leaves them as they are.
 */
export class CountingClient {
  frames = 0;
  readonly #socket: Socket;
  readonly #onFrame: (count: number) => void;
  isOpen = false;
  #head: Buffer = Buffer.alloc(0);
  #skipBytes = 0;

  constructor(target: Target, onFrame: (count: number) => void) {
    const { hostname, port, pathname, search } = new URL(target.url);
    this.#onFrame = onFrame;
    this.#socket = connect(Number(port), hostname);
    this.#socket.setNoDelay(true);
    this.#socket.on('error', () => undefined);
    this.#socket.write(
      `GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
    this.#socket.on('data', (data: Buffer) => this.#receive(data, target));
  }

  /** Takes nothing more from the connection, as a stalled reader. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Whether the server has ended the connection. */
  get isClosed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(data: Buffer, target: Target): void {
    if (this.isOpen) return this.#count(data);
    this.#head = Buffer.concat([this.#head, data]);
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return;
    if (!this.#head.subarray(0, 12).equals(Buffer.from('HTTP/1.1 101'))) return this.close();
    this.isOpen = true;
    const rest = this.#head.subarray(end + 4);
    this.#head = Buffer.alloc(0);
    for (const text of target.hello) this.#send(text);
    this.#count(rest);
  }

  /** Counts the frames that begin in `data`; a payload is skipped by its length. */
  #count(data: Buffer): void {
    let at = Math.min(this.#skipBytes, data.length);
    this.#skipBytes -= at;
    while (at < data.length) {
      const bytes = this.#head.length > 0 ? Buffer.concat([this.#head, data.subarray(at)]) : data.subarray(at);
      const frame = frameAt(bytes);
      if (frame === null) {
        this.#head = Buffer.from(bytes);
        return;
      }
      at += frame.headBytes - this.#head.length;
      this.#head = Buffer.alloc(0);
      this.#skipBytes = frame.payloadBytes;
      this.#note(frame);
      const skipped = Math.min(this.#skipBytes, data.length - at);
      this.#skipBytes -= skipped;
      at += skipped;
    }
  }

  #note({ opcode, payloadBytes }: Frame): void {
    if (opcode !== textOpcode && opcode !== 2) return;
    // tRPC's own ping; no frame of a bench is as short.
    if (payloadBytes === pingLength) return this.#send('PONG');
    this.frames += 1;
    this.#onFrame(this.frames);
  }

  #send(text: string): void {
    const payload = Buffer.from(text);
    const head =
      payload.length < 126
        ? Buffer.from([0x81, 0x80 | payload.length])
        : Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 0xff]);
    this.#socket.write(Buffer.concat([head, Buffer.alloc(4), payload]));
  }
}

interface Frame {
  opcode: number;
  headBytes: number;
  payloadBytes: number;
}

/** The frame that begins here, or null while its head is not whole. */
function frameAt(bytes: Buffer): Frame | null {
  const [first = 0, second = 0] = bytes;
  const length = second & 0x7f;
  const headBytes = length < 126 ? 2 : length === 126 ? 4 : 10;
  if (bytes.length < headBytes) return null;
  const payloadBytes =
    length < 126 ? length : length === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  return { opcode: first & 0x0f, headBytes, payloadBytes };
}

/** The clients of one contender, counted together. */
export class Audience {
  readonly clients: CountingClient[] = [];
  /** Event frames that all clients have got, greetings not counted. */
  delivered = 0;
  /** Frames of each client that were no events. */
  get greetings(): number {
    return this.#target.greetings;
  }

  /** Told of each delivery with the number of its event, from 0, in the order of each client. */
  onDelivery: (event: number) => void = () => undefined;
  readonly #target: Target;
  #awaited = { deliveries: Infinity, resolve: (): void => undefined };

  constructor(target: Target) {
    this.#target = target;
  }

  /** Adds clients until there are `count`, fifty at a time, each waited for until it listens. */
  async grow(count: number): Promise<void> {
    while (this.clients.length < count) {
      const batch = Math.min(50, count - this.clients.length);
      const added = Array.from(
        { length: batch },
        () => new CountingClient(this.#target, (frames) => this.#note(frames)),
      );
      this.clients.push(...added);
      await until(
        'clients that listen',
        () => added.every(({ isOpen, frames }) => isOpen && frames >= this.#target.greetings) || undefined,
        60_000,
      );
    }
  }

  /** Resolves when `deliveries` have arrived in all. */
  arrived(deliveries: number): Promise<void> {
    if (this.delivered >= deliveries) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${this.delivered} of ${deliveries} arrived`)), 60_000);
      this.#awaited = {
        deliveries,
        resolve: () => {
          clearTimeout(late);
          resolve();
        },
      };
    });
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  #note(frames: number): void {
    const event = frames - this.#target.greetings - 1;
    if (event < 0) return;
    this.delivered += 1;
    this.onDelivery(event);
    if (this.delivered >= this.#awaited.deliveries) this.#awaited.resolve();
  }
}
