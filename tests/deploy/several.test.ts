import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { PromptwellClient } from '../../src/client.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { createServerDatabase, engineUnderTest } from '../support/database.js';
import { debianFiles } from '../support/debian.js';
import { isLong } from '../support/fault/form.js';
import { type Listener, listen } from '../support/fault/listeners.js';
import { startNginx, type TestNginx, tlsCall } from '../support/nginx.js';
import { hasPgBouncer, startPgBouncer, type TestPgBouncer } from '../support/pgbouncer.js';
import { inParallel, refusal } from '../support/prompts.js';
import { clientFor, goodPassword } from '../support/service.js';
import { until } from '../support/wait.js';
import { call } from '../support/wire.js';

const debian = await debianFiles(['nginx']);
const processes = 3;
const failuresAllowed = 6;
const creationsAllowed = 20;

/** The short form has the one with more in the way; `tests/fault/several-behind-nginx.test.ts` goes without PgBouncer. */
const variants = [
  { name: 'with PgBouncer in transaction mode between', isPooled: true },
  ...(isLong ? [{ name: 'on one PostgreSQL', isPooled: false }] : []),
];

describe.skipIf(engineUnderTest === 'embedded' || debian === null || !hasPgBouncer).each(variants)(
  "three processes behind Debian's nginx $name (skipped on the embedded engine, which has one process)",
  ({ isPooled }) => {
    let database: { url: string } & AsyncDisposable;
    let pooler: TestPgBouncer | undefined;
    let cluster: Cluster;
    let nginx: TestNginx;
    let db: pg.Pool;
    beforeAll(async () => {
      database = await createServerDatabase();
      pooler = isPooled ? await startPgBouncer(database.url) : undefined;
      cluster = await startCluster(processes, {
        DATABASE_URL: pooler?.url ?? database.url,
        ...(isPooled ? { DIRECT_DATABASE_URL: database.url } : {}),
        LOGIN_FAILURES_PER_15_MIN: String(failuresAllowed),
        PROMPTS_PER_MINUTE: String(creationsAllowed),
      });
      nginx = await startNginx(
        join(debian ?? '', 'usr/sbin/nginx'),
        cluster.members.map(({ url }) => new URL(url).host),
      );
      db = new pg.Pool({ connectionString: database.url, max: 2 });
    });
    afterAll(async () => {
      await nginx?.[Symbol.asyncDispose]();
      await cluster?.[Symbol.asyncDispose]();
      await pooler?.[Symbol.asyncDispose]();
      await db?.end();
      await database?.[Symbol.asyncDispose]();
    });

    /** The address of one process, whichever number it is given. */
    const at = (place: number): string => cluster.members[place % processes]?.url ?? '';
    const signUp = async (place: number) => {
      const username = `user-${place}-${performance.now().toString(36).replace('.', '')}`;
      const session = await clientFor(at(place)).auth.signup.mutate({ username, password: goodPassword });
      return { ...session, username, token: session.tokens.accessToken };
    };
    const clientsFor = (token: string): PromptwellClient[] =>
      cluster.members.map(({ url }) => clientFor(url, { token }));

    test('an empty database is migrated by one of them, and all become ready', async () => {
      const { rows } = await db.query('SELECT migration_name FROM _prisma_migrations');
      expect(new Set(rows.map(({ migration_name }) => migration_name)).size).toBe(rows.length);
      const migrated = cluster.members.filter(({ program }) => program.output.stdout.includes('"migrations applied"'));
      expect(migrated).toHaveLength(1);
      for (const { url } of cluster.members) expect((await fetch(`${url}/readyz`)).status).toBe(200);
    });

    test('a session begun at one is used, refreshed and ended at the others', async () => {
      const { tokens, username, token } = await signUp(0);
      for (const client of clientsFor(token)) expect((await client.auth.me.query()).user.username).toBe(username);
      const { tokens: fresh } = await clientFor(at(1)).auth.refresh.mutate({ refreshToken: tokens.refreshToken });
      for (const client of clientsFor(fresh.accessToken)) await client.auth.me.query();
      await clientFor(at(2)).auth.logout.mutate({ refreshToken: fresh.refreshToken });
      for (const client of clientsFor(fresh.accessToken))
        await until('the end of the session everywhere', async () =>
          client.auth.me.query().then(
            () => undefined,
            () => true as const,
          ),
        );
      const late = clientFor(at(0)).auth.refresh.mutate({ refreshToken: fresh.refreshToken });
      expect((await refusal(late)).code).toBe('UNAUTHORIZED');
    });

    test('failed log-ins are counted once over all of them', async () => {
      const { username } = await signUp(1);
      const logIn = (place: number, password: string) =>
        call(at(place), 'auth.login', {
          input: { username, password },
          headers: { 'x-forwarded-for': '192.0.2.7' },
        });
      for (let attempt = 0; attempt < failuresAllowed; attempt += 1)
        expect((await logIn(attempt, 'wrong horse battery')).status).toBe(401);
      for (let place = 0; place < processes; place += 1) expect((await logIn(place, goodPassword)).status).toBe(429);
    });

    test('creations are counted once over all of them', async () => {
      const { token } = await signUp(2);
      const outcomes = await inParallel(creationsAllowed + 10, (index) =>
        clientFor(at(index), { token }).prompts.create.mutate({ text: `counted ${index}`, generate: false }),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(creationsAllowed);
    });

    test('one idempotency key at all of them at once is one prompt', async () => {
      const { token, project } = await signUp(0);
      const made = await inParallel(9, (index) =>
        clientFor(at(index), { token }).prompts.create.mutate({
          text: 'once',
          idempotencyKey: 'the-same',
          generate: false,
        }),
      );
      const ids = made.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.id] : []));
      expect(ids.length).toBeGreaterThan(0);
      expect(new Set(ids).size).toBe(1);
      const { rows } = await db.query('SELECT id FROM prompt WHERE project_id = $1', [project.id]);
      expect(rows).toEqual([{ id: ids[0] }]);
      const again = await Promise.all(
        clientsFor(token).map((client) =>
          client.prompts.create.mutate({ text: 'once', idempotencyKey: 'the-same', generate: false }),
        ),
      );
      expect(new Set(again.map(({ id }) => id))).toEqual(new Set(ids));
    });

    test('what is created at one is heard at all, and through nginx', async () => {
      const { token } = await signUp(1);
      class Trusting extends WebSocket {
        constructor(url: string) {
          super(url, { ca: nginx.ca });
        }
      }
      const listeners: Listener[] = [];
      for (const { url } of cluster.members) listeners.push(await listen(url, token));
      listeners.push(await listen(nginx.url, token, Trusting));
      for (let place = 0; place < processes; place += 1)
        await clientFor(at(place), { token }).prompts.create.mutate({ text: `from ${place}`, generate: false });
      const headers = { authorization: `Bearer ${token}` };
      const body = JSON.stringify({ text: 'through nginx', generate: false });
      expect((await tlsCall(nginx, '/trpc/prompts.create', { method: 'POST', headers, body })).status).toBe(200);
      const all = 2 * (processes + 1);
      for (const { heard } of listeners) await until('all events', () => (heard.length >= all ? true : undefined));
      const names = listeners.map(({ heard }) => heard.map(({ name }) => name));
      for (const heard of names) expect(heard).toEqual(names[0]);
      for (const listener of listeners) listener.unsubscribe();
    });

    test('prompts without a vector are each embedded once, whoever begins', async () => {
      const { user, project } = await signUp(0);
      const count = 200;
      const again = cluster.members.slice(1);
      await Promise.all(again.map((member) => member.end('SIGTERM')));
      await db.query(
        `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status)
         SELECT gen_random_uuid(), $1, $2, 'waiting ' || n, 'hash ' || n, 'completed' FROM generate_series(1, $3) n`,
        [project.id, user.id, count],
      );
      await Promise.all(again.map((member) => member.start()));
      await until('all vectors', async () => {
        const { rows } = await db.query('SELECT count(*)::int AS n FROM embedding WHERE project_id = $1', [project.id]);
        return rows[0]?.n === count ? true : undefined;
      });
      await until('the turn to be given back', async () => {
        const { rows } = await db.query('SELECT 1 FROM space WHERE is_active AND filled_by IS NULL');
        return rows.length === 1 ? true : undefined;
      });
      const embedded = await Promise.all(again.map(({ metricsUrl }) => embeddedTexts(metricsUrl)));
      expect(embedded.reduce((sum, texts) => sum + texts, 0)).toBe(count);
    });

    test.skipIf(!isPooled)('the pooler carried it all, and no prepared statement was missed', async () => {
      expect(await pooler?.transactions()).toBeGreaterThan(100);
      const said = cluster.members.map(({ program }) => program.output.stdout + program.output.stderr).join('\n');
      expect(said).not.toMatch(/prepared statement|"level":50/);
    });
  },
);

async function embeddedTexts(metricsUrl: string): Promise<number> {
  const page = await (await fetch(`${metricsUrl}/metrics`)).text();
  return Number(/^promptwell_embedding_batch_texts_sum (\d+)$/m.exec(page)?.[1] ?? 0);
}
