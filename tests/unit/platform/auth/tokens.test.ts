import { webcrypto } from 'node:crypto';
import { SignJWT, base64url } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../../src/kernel/clock.js';
import { systemIds } from '../../../../src/kernel/ids.js';
import { loadAuthKeys } from '../../../../src/platform/auth/secret.js';
import { Tokens, type TokenGrant } from '../../../../src/platform/auth/tokens.js';

const startMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const ids = systemIds(() => startMs);
const config = { accessTokenMs: 60 * 60_000, refreshTokenMs: 7 * 86_400_000 };
const grant: TokenGrant = {
  userId: ids.uuid(),
  sessionId: ids.uuid(),
  version: 1,
  refreshTokenId: ids.uuid(),
  sessionEndsAtMs: startMs + 30 * 86_400_000,
};

let nowMs = startMs;
const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
const { tokens: key } = await loadAuthKeys({ jwtSecret: 'k'.repeat(40), jwtSecretFile: undefined, dataDir: '' }, ids);
const tokens = new Tokens({ key, clock, ids, config });
const seconds = (ms: number): number => Math.floor(ms / 1_000);

/** A token signed with the right key, wrong only in what the test changes. */
const forged = (claims: object, header: object = {}): Promise<string> =>
  new SignJWT({
    iss: 'promptwell',
    aud: 'promptwell',
    sub: grant.userId,
    sid: grant.sessionId,
    ver: 1,
    jti: ids.uuid(),
    iat: seconds(startMs),
    exp: seconds(startMs) + 60,
    ...claims,
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', ...header })
    .sign(key);

const refusal = (token: string) =>
  tokens.verifyAccess(token).then(
    () => 'accepted',
    (fault) => fault.details.reason,
  );

beforeEach(() => {
  nowMs = startMs;
});

describe('a token', () => {
  it('says who bears it until when: 60 minutes for access, 7 days for refresh', async () => {
    const pair = await tokens.issue(grant);
    expect(pair.accessTokenExpiresAt).toBe(new Date(startMs + 3_600_000).toISOString());
    expect(pair.refreshTokenExpiresAt).toBe(new Date(startMs + 7 * 86_400_000).toISOString());
    expect(await tokens.verifyAccess(pair.accessToken)).toMatchObject({
      userId: grant.userId,
      sessionId: grant.sessionId,
      version: 1,
    });
    expect(await tokens.verifyRefresh(pair.refreshToken)).toMatchObject({ tokenId: grant.refreshTokenId });
  });

  it('never outlives its log-in', async () => {
    const pair = await tokens.issue({ ...grant, sessionEndsAtMs: startMs + 10_000 });
    expect(pair.accessTokenExpiresAt).toBe(new Date(startMs + 10_000).toISOString());
    expect(pair.refreshTokenExpiresAt).toBe(new Date(startMs + 10_000).toISOString());
  });

  it('is refused as the other kind (T05)', async () => {
    const pair = await tokens.issue(grant);
    await expect(tokens.verifyAccess(pair.refreshToken)).rejects.toMatchObject({ kind: 'unauthenticated' });
    await expect(tokens.verifyRefresh(pair.accessToken)).rejects.toMatchObject({ kind: 'unauthenticated' });
  });

  it('ends exactly at its expiry, whatever clocks may differ elsewhere', async () => {
    const { accessToken } = await tokens.issue(grant);
    nowMs = startMs + config.accessTokenMs - 1_000;
    expect(await refusal(accessToken)).toBe('accepted');
    nowMs = startMs + config.accessTokenMs;
    expect(await refusal(accessToken)).toBe('expired');
  });

  it('is refused without algorithm, with another one, or signed by another key (T01, T02, T03)', async () => {
    const encode = (value: object): string => base64url.encode(JSON.stringify(value));
    const payload = encode({ iss: 'promptwell', aud: 'promptwell', sub: grant.userId, exp: seconds(startMs) + 60 });
    for (const alg of ['none', 'nOnE', 'None']) {
      expect(await refusal(`${encode({ alg, typ: 'at+jwt' })}.${payload}.`)).toBe('invalid');
      expect(await refusal(`${encode({ alg, typ: 'at+jwt' })}.${payload}.AA`)).toBe('invalid');
    }
    const hmac = (hash: string) =>
      webcrypto.subtle.importKey('raw', new TextEncoder().encode('k'.repeat(64)), { name: 'HMAC', hash }, false, [
        'sign',
      ]);
    const bySecret = (alg: string, foreign: webcrypto.CryptoKey) =>
      new SignJWT({ sid: grant.sessionId, ver: 1 })
        .setProtectedHeader({ alg, typ: 'at+jwt' })
        .setSubject(grant.userId)
        .setJti(ids.uuid())
        .setIssuer('promptwell')
        .setAudience('promptwell')
        .setIssuedAt(seconds(startMs))
        .setExpirationTime(seconds(startMs) + 60)
        .sign(foreign);
    expect(await refusal(await bySecret('HS256', await hmac('SHA-256')))).toBe('invalid');
    expect(await refusal(await bySecret('HS512', await hmac('SHA-512')))).toBe('invalid');
  });

  it('is refused with missing, odd or far claims (T04, T05)', async () => {
    expect(await refusal(await forged({}))).toBe('accepted');
    for (const claims of [
      { exp: undefined },
      { exp: 1e308 },
      { exp: seconds(startMs) + 0.5 },
      { iat: undefined },
      { jti: undefined },
      { sub: 'not-an-id' },
      { ver: '1' },
      { ver: 0 },
      { aud: 'other' },
      { iss: 'other' },
      { aud: undefined },
      { nbf: seconds(startMs) + 60 },
      { iat: seconds(startMs) + 60 },
    ])
      expect(await refusal(await forged(claims)), JSON.stringify(claims)).toBe('invalid');
    for (const claims of [
      { exp: seconds(startMs) - 6 },
      { exp: seconds(startMs) - 1 },
      { iat: seconds(startMs) - 3_700 },
    ])
      expect(await refusal(await forged(claims)), JSON.stringify(claims)).toBe('expired');
    expect(await refusal(await forged({}, { typ: 'JWT' }))).toBe('invalid');
    expect(await refusal(await forged({}, { typ: undefined }))).toBe('invalid');
  });

  it('is refused when its header names keys or addresses (T06)', async () => {
    for (const header of [
      { kid: '../../dev/null' },
      { kid: "' OR 1=1 --" },
      { kid: 'k'.repeat(10_000) },
      { jku: 'https://localhost/keys' },
      { x5u: 'https://localhost' },
      { jwk: {} },
    ])
      expect(await refusal(await forged({}, header)), Object.keys(header).join()).toBe('invalid');
  });

  it('is refused as garbage without cryptography when it has not the form of one (T18)', async () => {
    for (const text of ['', 'a', 'a.b', 'a.b.c', "' OR '1'='1", '%00', 'é.é.é', 'a.b.c.d', `${'a'.repeat(3_000)}.b.c`])
      expect(await refusal(text)).toBe('invalid');
  });
});
