import { randomBytes } from 'node:crypto';

/** What a frame is made of; what is left out is as RFC 6455 wants it of a client. */
export interface FrameParts {
  fin?: boolean;
  /** The three reserved bits, 0 to 7. */
  rsv?: number;
  opcode?: number;
  isMasked?: boolean;
  payload?: string | Uint8Array;
  /** Claimed instead of the payload's own. */
  length?: number | bigint;
  /** In how many bytes the length is written: 1, 2 or 8. */
  lengthBytes?: 1 | 2 | 8;
}

/** One frame of the WebSocket protocol, right or wrong. Source: RFC 6455 section 5.2. */
export function frameBytes(parts: FrameParts): Buffer {
  const { fin = true, rsv = 0, opcode = 1, isMasked = true } = parts;
  const body = Buffer.from(parts.payload ?? '');
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const length = lengthBytes(BigInt(parts.length ?? body.length), parts.lengthBytes);
  if (!isMasked) return Buffer.concat([Buffer.of(first), length, body]);
  const key = randomBytes(4);
  length.writeUInt8((length[0] ?? 0) | 0x80, 0);
  return Buffer.concat([Buffer.of(first), length, key, body.map((byte, index) => byte ^ (key[index % 4] ?? 0))]);
}

/** A length as it stands in a frame: in seven bits, or in the two or eight bytes after them. */
function lengthBytes(length: bigint, size = length < 126n ? 1 : length < 65_536n ? 2 : 8): Buffer {
  if (size === 1) return Buffer.of(Number(length & 0x7fn));
  const bytes = Buffer.alloc(1 + size);
  bytes.writeUInt8(size === 2 ? 126 : 127, 0);
  if (size === 2) bytes.writeUInt16BE(Number(length & 0xffffn), 1);
  else bytes.writeBigUInt64BE(length, 1);
  return bytes;
}

/** A close frame; without a code its payload is what is given. */
const closing = (code: number, reason: string | Uint8Array = ''): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(code);
  return frameBytes({ opcode: 8, payload: Buffer.concat([bytes, Buffer.from(reason)]) });
};

/** Frames that are sent after the handshake, and with which codes the service may close; null: it stays open. */
export interface FrameCase {
  about: string;
  frames: readonly Uint8Array[];
  codes: readonly number[] | null;
}

const me = '{"id":9,"jsonrpc":"2.0","method":"query","params":{"path":"auth.me"}}';
const inPieces = (text: string, pieces: number): Buffer[] =>
  Array.from({ length: pieces }, (_, index) =>
    frameBytes({
      opcode: index === 0 ? 1 : 0,
      fin: index === pieces - 1,
      payload: text.slice((index * text.length) / pieces, ((index + 1) * text.length) / pieces),
    }),
  );
/** Codes of a breach of the protocol; a peer may also be cut without a word (1006). */
const breach = [1002, 1006];

const reservedBits = [1, 2, 3, 4, 5, 6, 7].map((rsv) => ({
  about: `reserved bits ${rsv}`,
  frames: [frameBytes({ rsv, payload: me })],
  codes: breach,
}));
const unknownOpcodes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({
  about: `the unknown opcode ${opcode}`,
  frames: [frameBytes({ opcode, payload: me })],
  codes: breach,
}));
/** Source: RFC 6455 section 7.4: these are never sent by a peer. */
const badCodes = [0, 999, 1_004, 1_005, 1_006, 1_015, 1_016, 2_999, 5_000, 65_535].map((code) => ({
  about: `a close with the code ${code}`,
  frames: [closing(code)],
  codes: breach,
}));
const goodCodes = [1_000, 1_001, 1_008, 1_011, 3_000, 4_999].map((code) => ({
  about: `a close with the code ${code}`,
  frames: [closing(code, 'bye')],
  codes: [code, 1_006],
}));
const largePing = frameBytes({ opcode: 9, payload: 'x'.repeat(126) });

/** Raw frames in every way that they can be wrong, and the right ones beside them. */
export const frameCases: readonly FrameCase[] = [
  ...reservedBits,
  ...unknownOpcodes,
  ...badCodes,
  ...goodCodes,
  { about: 'a call in one frame', frames: [frameBytes({ payload: me })], codes: null },
  { about: 'a call in three fragments', frames: inPieces(me, 3), codes: null },
  { about: 'a call in as many fragments as letters', frames: inPieces(me, me.length), codes: null },
  {
    about: 'a ping between fragments',
    frames: inPieces(me, 2).flatMap((piece, index) =>
      index === 0 ? [piece, frameBytes({ opcode: 9, payload: 'p' })] : [piece],
    ),
    codes: null,
  },
  {
    about: 'a pong that nobody asked for',
    frames: [frameBytes({ opcode: 10, payload: 'x' }), frameBytes({ payload: me })],
    codes: null,
  },
  { about: 'an empty frame', frames: [frameBytes({}), frameBytes({ payload: me })], codes: null },
  { about: 'no mask', frames: [frameBytes({ isMasked: false, payload: me })], codes: breach },
  { about: 'a continuation of nothing', frames: [frameBytes({ opcode: 0, payload: me })], codes: breach },
  {
    about: 'a new message within a message',
    frames: [frameBytes({ fin: false, payload: '{' }), frameBytes({ payload: me })],
    codes: breach,
  },
  { about: 'a ping of 126 bytes', frames: [largePing], codes: breach },
  { about: 'a ping in fragments', frames: [frameBytes({ opcode: 9, fin: false, payload: 'x' })], codes: breach },
  { about: 'a close in fragments', frames: [frameBytes({ opcode: 8, fin: false })], codes: breach },
  { about: 'a close of one byte', frames: [frameBytes({ opcode: 8, payload: 'x' })], codes: breach },
  { about: 'a close without a code', frames: [frameBytes({ opcode: 8 })], codes: [1_005, 1_000, 1_006] },
  { about: 'a close whose reason is no UTF-8', frames: [closing(1_000, Buffer.from([0xff]))], codes: [1_007, 1_006] },
  {
    about: 'text that is no UTF-8',
    frames: [frameBytes({ payload: Buffer.from([0xff, 0xfe]) })],
    codes: [1_007, 1_006],
  },
  {
    about: 'text that is no UTF-8 in its second fragment',
    frames: [
      frameBytes({ fin: false, payload: '{"a":"' }),
      frameBytes({ opcode: 0, payload: Buffer.from([0xc0, 0xaf]) }),
    ],
    codes: [1_007, 1_006],
  },
  { about: 'a binary frame', frames: [frameBytes({ opcode: 2, payload: me })], codes: [1_003, 1_006] },
  {
    about: 'a length of one mebibyte and a byte',
    frames: [frameBytes({ length: 1_048_577, payload: '' })],
    codes: [1_009, 1_006],
  },
  {
    about: 'a length of 2^53',
    frames: [frameBytes({ length: 2n ** 53n, lengthBytes: 8 })],
    codes: [1_009, 1_002, 1_006],
  },
  {
    about: 'a length of 2^63',
    frames: [frameBytes({ length: 2n ** 63n, lengthBytes: 8 })],
    codes: [1_009, 1_002, 1_006],
  },
  {
    about: 'fragments that come to more than one mebibyte',
    frames: Array.from({ length: 3 }, (_, index) =>
      frameBytes({ opcode: index === 0 ? 1 : 0, fin: false, payload: 'x'.repeat(400_000) }),
    ),
    codes: [1_009, 1_006],
  },
  {
    about: 'more fragments than a message may have',
    frames: Array.from({ length: 1_100 }, (_, index) =>
      frameBytes({ opcode: index === 0 ? 1 : 0, fin: false, payload: 'x' }),
    ),
    codes: [1_008, 1_009, 1_006],
  },
];
