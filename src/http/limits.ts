/**
 * The bounds of the door. Each is a default of our stack that fails open, set to what was measured to hold.
 *
 * Source: `docs/security.md`; a 100 000-character prompt is at most 600 kB of JSON, so one mebibyte fits every legal call.
 */
export const limits = {
  bodyBytes: 1_048_576,
  batchCalls: 10,
  /** Longest text that answers one request, in characters: a longer one is refused, call by call. */
  answerCharacters: 67_108_864,
  /** A reader who takes nothing of a long answer for so long, or for twice as long, is cut off. */
  answerStallMs: 5_000,
  /** A batch of ten names, each of at most 64 characters, with room. */
  pathCharacters: 2_000,
  headersTimeoutMs: 10_000,
  /** How often Node looks for requests past their time: its own 30 s would double the limits. */
  timeoutCheckMs: 1_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 5_000,
  socketFragments: 1_024,
  /** A socket without a valid credential is closed after this. */
  socketAuthenticationMs: 5_000,
  /** More unsent bytes than this close the socket: its reader is too slow. */
  socketBufferedBytes: 1_048_576,
  /** Writers pause above this many unsent bytes. */
  socketHighWaterBytes: 262_144,
  /** A socket above the high-water mark for so long is closed: its reader stalls. */
  socketStallMs: 5_000,
  /** One message may be longer than `socketBufferedBytes`: what exceeds it has time at this rate. */
  socketSlowestBytesPerSecond: 65_536,
  socketPingMs: 25_000,
  socketPongMs: 10_000,
  /** Calls a socket may send at once, and the rate at which that allowance comes back. */
  socketBurstCalls: 2_000,
  socketCallsPerSecond: 1_000,
  /** A long message counts as one call for each of these. */
  socketBytesPerCall: 4_096,
  /**
   * How long a closing door behind a proxy goes on refusing: a proxy learns by 503s that it is to ask elsewhere, while a
   * connection that is cut as a call comes in makes a 502, of which nobody knows what was done.
   */
  lastRefusalsMs: 1_000,
  /** How long a closing door waits for the calls under way, and then for the last bytes to be taken. */
  lastCallsMs: 1_000,
  lastBytesMs: 1_500,
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
