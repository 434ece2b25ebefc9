import { createHmac, timingSafeEqual } from 'node:crypto';
import { jwtVerify } from 'jose';
import { createTestDatabase } from '../support/database.js';
import { goodPassword, openAccounts } from '../support/accounts.js';
import { loopDelay, quantile, row, times } from './measure.js';
import { type Contender, interleave } from './rounds.js';

/** Checks in one operation, so that the harness's own microsecond is spread over them. */
const checksPerRun = 100;
const secret = 'a secret of the tests, long enough';
const cacheEntries = 10_000;

/**
 * What checking a token costs: ours hot and cold, against jose each time, node:crypto by hand, and two caches.
 *
 * `distinct`: how many tokens are asked in turn where the row says so; each is verified and looked up once in two seconds.
 */
export async function benchAuth({ rounds, distinct }: { rounds: number; distinct: number }): Promise<string[]> {
  await using database = await createTestDatabase();
  const room = await openAccounts(database.db, { JWT_SECRET: secret, LOGIN_FAILURES_PER_15_MIN: '100000' });
  try {
    const { tokens, username } = await room.person();
    const hot = tokens.accessToken;
    const many = await Promise.all(
      Array.from(
        { length: distinct },
        async () => (await room.auth.tokens.issue(await grantOf(room, hot))).accessToken,
      ),
    );
    const figures = await interleave(contenders({ room, hot, many }), { rounds, perRound: rounds === 1 ? 10 : 100 });
    const rows = [
      row('check', 'microseconds a check, CPU', 'wall'),
      row('---', '---', '---'),
      ...figures.map(({ name, cpuUs, perSecond }) => row(name, cpuUs / checksPerRun, 1e6 / perSecond / checksPerRun)),
    ];
    return [...rows, '', ...(await storm(room, username))];
  } finally {
    await room.close();
  }
}

type Room = Awaited<ReturnType<typeof openAccounts>>;

/** What another token of the same log-in would be made from. */
async function grantOf(room: Room, token: string) {
  const claims = await room.auth.tokens.verifyAccess(token);
  const { userId, sessionId, version, expiresAtMs } = claims;
  return { userId, sessionId, version, refreshTokenId: room.ids.uuid(), sessionEndsAtMs: expiresAtMs + 3_600_000 };
}

function contenders({ room, hot, many }: { room: Room; hot: string; many: readonly string[] }): Contender[] {
  const key = new TextEncoder().encode(secret);
  const known = new Map<string, number>(Array.from({ length: cacheEntries }, (_, index) => [`token ${index}`, index]));
  known.set(hot, 0);
  const reordered = new Map(known);
  const runs = (name: string, check: (at: number) => unknown): Contender => ({
    name,
    async run(index) {
      for (let nth = 0; nth < checksPerRun; nth += 1) await check(index * checksPerRun + nth);
    },
  });
  return [
    runs('nothing (the harness)', () => undefined),
    runs('Map.get in a cache of 10 000', () => known.get(hot)),
    runs('naive Map LRU of 10 000 (delete and set at a hit)', () => {
      const value = reordered.get(hot) ?? 0;
      reordered.delete(hot);
      reordered.set(hot, value);
    }),
    runs('ours, one hot token', () => room.authenticator.authenticate(hot)),
    runs(`ours, ${many.length} tokens in turn`, (at) => room.authenticator.authenticate(many[at % many.length] ?? hot)),
    runs('node:crypto HS256, each time', () => verifyByHand(hot, key)),
    runs('jose HS256, each time (key of bytes)', () =>
      jwtVerify(hot, key, { algorithms: ['HS256'] }).catch(() => undefined),
    ),
    runs('our verification, each time (jose, key imported once)', () => room.auth.tokens.verifyAccess(hot)),
  ];
}

/** The least that a HS256 check can be: the signature, nothing of the claims. */
function verifyByHand(token: string, key: Uint8Array): boolean {
  const end = token.lastIndexOf('.');
  const made = createHmac('sha256', key).update(token.slice(0, end)).digest();
  const given = Buffer.from(token.slice(end + 1), 'base64url');
  return given.length === made.length && timingSafeEqual(given, made);
}

/** Fifty log-ins at once: how many a second, and what the event loop feels. */
async function storm(room: Room, username: string): Promise<string[]> {
  let tookMs = 0;
  const delay = await loopDelay(async () => {
    [tookMs = 0] = await times(1, () =>
      Promise.all(
        Array.from({ length: 50 }, () =>
          room.signIn.login({ username, password: goodPassword }, '192.0.2.1').catch((cause: unknown) => cause),
        ),
      ),
    );
  });
  return [
    row('50 log-ins at once', 'a second', 'event-loop delay p99 ms', 'longest ms'),
    row('---', '---', '---', '---'),
    row('argon2id', 50_000 / tookMs, delay.p99Ms, quantile([delay.maxMs], 1)),
  ];
}
