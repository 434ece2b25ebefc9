import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader } from '../../../../src/platform/db/frames.js';

const startup = (body: Uint8Array): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + body.length);
  return Buffer.concat([length, body]);
};
const message = (type: number, body: Uint8Array): Buffer => Buffer.concat([Buffer.of(type), startup(body)]);

describe('the frame reader', () => {
  it('finds the same messages however the bytes are cut', () => {
    const body = fc.uint8Array({ maxLength: 20 });
    const frames = fc.tuple(body, fc.array(fc.tuple(fc.integer({ min: 1, max: 255 }), body), { maxLength: 6 }));
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), ([first, rest], sizes) => {
        const sent = [startup(first), ...rest.map(([type, one]) => message(type, one))];
        const bytes = Buffer.concat(sent);
        const reader = new FrameReader();
        const got: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          got.push(...reader.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(got.map((one) => Buffer.from(one).toString('hex'))).toEqual(sent.map((one) => one.toString('hex')));
      }),
    );
  });
});
