import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CursorCodec } from '../../src/platform/cursor.js';

const codec = new CursorCodec(new Uint8Array(32).fill(7));
const seal = { field: 'cursor', scope: 'project:filter' };

test('a token opens to what was sealed, and only with its own seal and key', () => {
  const other = new CursorCodec(new Uint8Array(32).fill(8));
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (payload, scope) => {
      fc.pre(scope !== seal.scope && payload.isWellFormed());
      const token = codec.seal(seal, payload);
      expect(codec.open(seal, token)).toBe(payload);
      expect(token).toMatch(/^[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{22}$/);
      for (const wrong of [
        () => codec.open({ ...seal, scope }, token),
        () => codec.open({ ...seal, field: 'lastEventId' }, token),
        () => other.open(seal, token),
      ])
        expect(wrong).toThrow('is not a token of this service');
    }),
  );
});

test('a token with any character changed, added or taken away does not open', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+/=';
  fc.assert(
    fc.property(
      fc.string(),
      fc.nat(),
      fc.constantFrom(...alphabet),
      fc.constantFrom(0, 1),
      (payload, at, letter, taken) => {
        const token = codec.seal(seal, payload);
        const index = at % (token.length + 1);
        const changed = token.slice(0, index) + letter + token.slice(index + taken);
        fc.pre(changed !== token);
        expect(() => codec.open(seal, changed)).toThrow('cursor');
      },
    ),
  );
});

test('what is no token at all is refused by the name of its field', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => codec.open(seal, text)).toThrow('cursor: ');
    }),
  );
});
