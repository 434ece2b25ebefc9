/**
 * The bounds of the door. Each is a default of our stack that fails open, set to what was measured to hold.
 *
 * Source: `docs/security.md`; a 100 000-character prompt is at most 600 kB of JSON, so one mebibyte fits every legal call.
 */
export const limits = {
  bodyBytes: 1_048_576,
  batchCalls: 10,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5_000,
  /** What is left of requests this long after closing began is cut. */
  closeGraceMs: 1_000,
  socketFragments: 1_024,
  /** A socket without a valid credential is closed after this. */
  socketAuthenticationMs: 5_000,
  /** More unsent bytes than this close the socket: its reader is too slow. */
  socketBufferedBytes: 1_048_576,
  /** Writers pause above this many unsent bytes. */
  socketHighWaterBytes: 262_144,
  /** A socket whose reader took nothing for so long, with more than the high-water mark unsent, is closed. */
  socketStallMs: 5_000,
  socketPingMs: 25_000,
  socketPongMs: 10_000,
  /** Messages a socket may send at once, and the rate at which that allowance comes back. */
  socketBurstMessages: 2_000,
  socketMessagesPerSecond: 1_000,
} as const;

/** Close codes of WebSockets, as `docs/security.md` lists them. */
export const closeCodes = {
  unsupportedData: 1003,
  policy: 1008,
  tooLarge: 1009,
  restart: 1012,
  unauthenticated: 4401,
  tooSlow: 4408,
} as const;
