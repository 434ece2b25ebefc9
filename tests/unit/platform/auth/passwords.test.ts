import { describe, expect, it } from 'vitest';
import { Passwords } from '../../../../src/platform/auth/passwords.js';

const passwords = new Passwords({ minLength: 12 });
const about = { field: 'password', username: 'Margaret-Hamilton' };
const issue = (password: string) =>
  passwords.refuseWeak(password, about).then(
    () => null,
    (fault) => fault.details.issues[0],
  );

describe('a new password', () => {
  it('is refused when too short, too long, the username or common, naming the field (T16, PF-4)', async () => {
    expect(await issue('eleven-char')).toEqual({ path: 'password', message: 'must have at least 12 characters' });
    expect(await issue('a'.repeat(257))).toEqual({ path: 'password', message: 'must have at most 256 characters' });
    expect(await issue('margaret-hamilton')).toEqual({ path: 'password', message: 'must not be the username' });
    for (const common of ['password1234', 'Password1234', 'qwertyuiop12345', 'ｐassword1234'])
      expect(await issue(common)).toEqual({ path: 'password', message: 'is among the most common passwords' });
  });

  it('is counted in characters as people see them', async () => {
    expect(await issue('🦊🐻🐼🐨🐯🦁')).toMatchObject({ message: 'must have at least 12 characters' });
    expect(await issue('🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧')).toBeNull();
    expect(await issue('x'.repeat(256))).toBeNull();
    expect(await issue('twelve chars')).toBeNull();
  });
});

describe('a stored password', () => {
  it('is argon2id with its own salt, and only the same password fits', async () => {
    const stored = await passwords.hash('correct horse battery');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await passwords.hash('correct horse battery')).not.toBe(stored);
    expect(await passwords.verify(stored, 'correct horse battery')).toBe(true);
    expect(await passwords.verify(stored, 'correct horse batterz')).toBe(false);
  });

  it('fits however the keyboard composed its letters, and beyond the 72nd byte (T16)', async () => {
    const stored = await passwords.hash('caf\u00e9 au lait pour deux');
    expect(await passwords.verify(stored, 'cafe\u0301 au lait pour deux')).toBe(true);
    const long = await passwords.hash(`${'a'.repeat(79)}b`);
    expect(await passwords.verify(long, `${'a'.repeat(79)}c`)).toBe(false);
  });

  it('costs an unknown user the same work, and nothing fits', async () => {
    expect(await passwords.verify(null, 'A'.repeat(32))).toBe(false);
    const stored = await passwords.hash('correct horse battery');
    const timeOf = async (hash: string | null): Promise<number> => {
      const start = performance.now();
      await passwords.verify(hash, 'wrong horse battery');
      return performance.now() - start;
    };
    // In turns, and the best of each: what else runs on the machine only adds.
    let [unknown, known] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let round = 0; round < 15; round += 1) {
      unknown = Math.min(unknown, await timeOf(null));
      known = Math.min(known, await timeOf(stored));
    }
    expect(unknown).toBeGreaterThan(known / 2);
    expect(unknown).toBeLessThan(known * 2);
  });

  it('is checked by two at once with 32 waiting; the rest is refused at once (T15)', async () => {
    const crowd = Array.from({ length: 60 }, () => passwords.verify(null, 'x'));
    const results = await Promise.allSettled(crowd);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(60 - 34);
    for (const { reason } of refused)
      expect(reason).toMatchObject({ kind: 'overloaded', details: { retryAfterMs: 1_000 } });
    expect(await passwords.verify(null, 'x')).toBe(false);
  });
});
