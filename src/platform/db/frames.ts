/** Bytes of a length word. Source: PostgreSQL documentation, "Message Formats" (frontend/backend protocol 3). */
const lengthBytes = 4;

/** The whole messages of PostgreSQL's wire protocol within a stream of chunks. One instance per connection. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);
  #hasStarted = false;

  /**
   * The messages completed by `chunk`, in order; what is left waits for the next one.
   *
   * Shape: each starts with its type byte, except the first of the connection (the start-up message has none).
   */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : Buffer.from(chunk);
    const messages: Uint8Array[] = [];
    for (let message = this.#take(); message !== undefined; message = this.#take()) messages.push(message);
    return messages;
  }

  #take(): Uint8Array | undefined {
    const typeBytes = this.#hasStarted ? 1 : 0;
    if (this.#rest.length < typeBytes + lengthBytes) return undefined;
    const sizeBytes = typeBytes + this.#rest.readInt32BE(typeBytes);
    if (this.#rest.length < sizeBytes) return undefined;
    const message = new Uint8Array(this.#rest.subarray(0, sizeBytes));
    this.#rest = this.#rest.subarray(sizeBytes);
    this.#hasStarted = true;
    return message;
  }
}
