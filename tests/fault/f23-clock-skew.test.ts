import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { PromptwellClient } from '../../src/client.js';
import { createTestFolder } from '../support/database.js';
import { answers, fakeUpstream, held } from '../support/fake-upstream.js';
import { asked, storedRows, whole } from '../support/fault/asked.js';
import { isLong, record, rounds, seededRun } from '../support/fault/form.js';
import { Ledger } from '../support/fault/ledger.js';
import { SkewedClock } from '../support/fault/skewed-clock.js';
import { refusal } from '../support/prompts.js';
import { processHome, startProcess } from '../support/process.js';
import { clientFor, goodPassword, serveOn, startService } from '../support/service.js';
import { until } from '../support/wait.js';

const { seed } = seededRun('F23');
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const skews: [string, number][] = [
  ['five minutes fast', 5 * minuteMs],
  ['five minutes slow', -5 * minuteMs],
  ['a day fast', 24 * hourMs],
  ['a day slow', -24 * hourMs],
];

/** What a person hears of new prompts, and after which event they would go on. */
interface Feed {
  heard: string[];
  lastEventId: string | undefined;
  stop(): void;
}

/** Hears of new prompts from now on, or from an event on. */
async function follow(client: PromptwellClient, lastEventId?: string): Promise<Feed> {
  let isReady = false;
  const feed: Feed = { heard: [], lastEventId, stop: () => following.unsubscribe() };
  const following = client.feed.follow.subscribe(
    { kinds: ['prompt.created'], ...(lastEventId === undefined ? {} : { lastEventId }) },
    {
      onData: ({ id, data }) => {
        feed.lastEventId = id;
        if (data.kind === 'ready') isReady = true;
        else feed.heard.push(data.prompt.text);
      },
    },
  );
  await until('the feed', () => (isReady || feed.heard.length > 0 ? true : undefined));
  return feed;
}

/** Every prompt of a person, by small pages. */
async function paged(client: PromptwellClient): Promise<string[]> {
  const texts: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await client.prompts.list.query({ limit: 7, ...(cursor === undefined ? {} : { cursor }) });
    texts.push(...page.items.map(({ text }) => text));
    if (page.nextCursor === null) return texts;
    cursor = page.nextCursor;
  }
}

const isAllowed = (client: PromptwellClient): Promise<boolean> =>
  client.auth.me.query().then(
    () => true,
    () => false,
  );

describe('a service whose clock is wrong', () => {
  test.each(skews)(
    'F23 by %s: its tokens live as long as it says, within 5 s; prompts, pages, leases and events are as ever',
    async (name, skewMs) => {
      const clock = new SkewedClock();
      clock.skewMs = skewMs;
      await using upstream = await fakeUpstream();
      upstream.always(held('One two three'));
      await using folder = await createTestFolder();
      const ledger = new Ledger(`${folder.path}/ledger`);
      await using service = await startService({
        clock,
        env: { PROMPTWELL_OFFLINE: '0', LLM_BASE_URL: upstream.baseUrl, LLM_API_KEY: 'sk', LLM_MODEL: 'm' },
      });
      const ada = await service.signUp();
      const feed = await follow(ada.client);
      const pending = asked(ledger, ada.client, { text: 'under way' });
      await upstream.untilRequests(1);
      const texts = ['under way'];
      for (let index = 0; index < rounds(20, 200); index += 1) {
        texts.push(`text ${index}`);
        await asked(ledger, ada.client, { text: `text ${index}`, generate: false });
      }
      // The lease of what is under way is in database time: no clock of a process ends it.
      const [lease] = await service.app.db.read<{ seconds: number }>(
        `SELECT extract(epoch FROM lease_expires_at - now())::float8 AS seconds FROM prompt WHERE status = 'pending'`,
        [],
      );
      expect(lease?.seconds).toBeGreaterThan(0);
      expect(lease?.seconds).toBeLessThan(31);
      upstream.release();
      expect((await pending).prompt?.status).toBe('completed');
      expect((await paged(ada.client)).toSorted()).toEqual(texts.toSorted());
      await until('every event', () => (feed.heard.length >= texts.length ? true : undefined));
      expect(feed.heard.toSorted()).toEqual(texts.toSorted());
      feed.stop();
      // Its own hour: five seconds before its end the token is good, five after it is not.
      const endsAtMs = Date.parse(ada.session.tokens.accessTokenExpiresAt);
      expect(Math.abs(endsAtMs - clock.nowMs() - hourMs)).toBeLessThan(2 * minuteMs);
      clock.skewMs += endsAtMs - clock.nowMs() - 5_000;
      expect(await isAllowed(clientFor(service.url, { token: ada.token }))).toBe(true);
      clock.skewMs += 10_000;
      expect(await refusal(clientFor(service.url, { token: ada.token }).auth.me.query())).toMatchObject({
        code: 'UNAUTHORIZED',
        details: { reason: 'expired' },
      });
      expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject({ ...whole, stored: texts.length });
      record(`F23 ${name}`, seed, { prompts: texts.length, events: feed.heard.length, lost: 0, doubled: 0 });
    },
    isLong ? 180_000 : 60_000,
  );

  test('F23 set back by a day, and forward again, while it works: nobody is shut out, nothing is lost', async () => {
    const clock = new SkewedClock();
    await using service = await startService({ clock });
    await using folder = await createTestFolder();
    const ledger = new Ledger(`${folder.path}/ledger`);
    const ada = await service.signUp();
    const feed = await follow(ada.client);
    const texts: string[] = [];
    for (const skewMs of [0, -24 * hourMs, -5 * minuteMs, 5 * minuteMs, -24 * hourMs, 0]) {
      clock.skewMs = skewMs;
      const signedIn = async () => {
        const account = { username: ada.session.user.username, password: ada.password };
        return service.client({ token: (await service.client().auth.login.mutate(account)).tokens.accessToken });
      };
      // A token from the future is none: who was given one a day ahead signs in again.
      const client = await signedIn();
      // Never used before they are looked at: a token that was good a moment ago is good for two seconds more.
      const [near, far] = [await signedIn(), await signedIn()];
      for (let index = 0; index < rounds(8, 100); index += 1) {
        const text = `${texts.length}`;
        texts.push(text);
        expect((await asked(ledger, client, { text, generate: false })).prompt?.status).toBe('completed');
      }
      clock.skewMs = skewMs - 4_000;
      expect(await isAllowed(near)).toBe(true);
      clock.skewMs = skewMs - hourMs;
      expect(await isAllowed(far)).toBe(false);
      clock.skewMs = skewMs;
    }
    expect((await paged(ada.client)).toSorted()).toEqual(texts.toSorted());
    // The feed's socket is looked at again and again: set back, it may have ended; from its last event on all comes.
    const rest = await follow(ada.client, feed.lastEventId);
    await until('every event', () => (feed.heard.length + rest.heard.length >= texts.length ? true : undefined));
    const heard = [...feed.heard, ...rest.heard.filter((text) => !feed.heard.includes(text))];
    expect(heard).toEqual(texts);
    feed.stop();
    rest.stop();
    expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject({ ...whole, stored: texts.length });
    record('F23 steps while it works', seed, { steps: 5, prompts: texts.length, lost: 0, doubled: 0 });
  }, 180_000);

  test('F23 control: order by the clock of the process is found wrong by the same steps', async () => {
    const clock = new SkewedClock();
    await using service = await startService({ clock });
    const ada = await service.signUp();
    const stamps: number[] = [];
    for (const skewMs of [0, -24 * hourMs, 5 * minuteMs]) {
      clock.skewMs = skewMs;
      const { createdAt } = await ada.client.prompts.create.mutate({ text: `${skewMs}`, generate: false });
      stamps.push(clock.nowMs());
      // Database time stands beside it and did not move.
      expect(Math.abs(Date.parse(createdAt) - Date.now())).toBeLessThan(minuteMs);
    }
    expect(stamps.toSorted((one, other) => one - other)).not.toEqual(stamps);
  });
});

describe('a whole process whose dates are wrong', () => {
  test(
    'F23 steps of five minutes and a day, back and forth: no acknowledged prompt and no event is lost, none is doubled',
    async () => {
      await using upstream = await fakeUpstream();
      upstream.always(answers('Hello.'));
      await using home = await processHome();
      await using folder = await createTestFolder();
      const skewFile = `${folder.path}/skew`;
      const ledger = new Ledger(`${folder.path}/ledger`);
      const skewTo = (skewMs: number): void => writeFileSync(skewFile, String(skewMs));
      skewTo(0);
      const shim = pathToFileURL(fileURLToPath(new URL('../support/fault/skewed-date.mjs', import.meta.url))).href;
      const env = { ...home.env, LLM_BASE_URL: upstream.baseUrl, LLM_API_KEY: 'sk', LLM_MODEL: 'm' };
      const skewed = { ...env, NODE_OPTIONS: `--import ${shim}`, SKEW_FILE: skewFile };
      // A first start makes the schema: minutes where a machine is busy.
      const program = await startProcess(skewed, undefined, 4 * minuteMs);
      const nobody = clientFor(program.url);
      const account = { username: 'ada', password: goodPassword };
      const { tokens } = await nobody.auth.signup.mutate(account);
      const feed = await follow(clientFor(program.url, { token: tokens.accessToken }));
      const texts: string[] = [];
      for (const skewMs of [0, 5 * minuteMs, -5 * minuteMs, 24 * hourMs, -24 * hourMs, 0]) {
        skewTo(skewMs);
        // A day ahead the token of before has had its hour: a person signs in again, as their client would refresh.
        const signedIn = await until('the date to change', async () => {
          const { tokens: fresh } = await nobody.auth.login.mutate(account);
          const saidMs = Date.parse(fresh.accessTokenExpiresAt) - hourMs;
          return Math.abs(saidMs - Date.now() - skewMs) < 2 * minuteMs ? fresh : undefined;
        });
        const client = clientFor(program.url, { token: signedIn.accessToken });
        for (let index = 0; index < rounds(6, 100); index += 1) {
          const text = `${texts.length}`;
          texts.push(text);
          const { prompt } = await asked(ledger, client, { text, generate: index % 2 === 0 });
          expect(prompt?.status).toBe('completed');
        }
      }
      const { tokens: last } = await nobody.auth.login.mutate(account);
      expect((await paged(clientFor(program.url, { token: last.accessToken }))).toSorted()).toEqual(texts.toSorted());
      // The feed's own token ended while it was a day ahead; a new one goes on where it stopped.
      const rest = texts.length - feed.heard.length;
      const resumed =
        rest === 0 ? feed : await follow(clientFor(program.url, { token: last.accessToken }), feed.lastEventId);
      await until('the other events', () => (resumed === feed || resumed.heard.length >= rest ? true : undefined));
      expect(resumed === feed ? feed.heard : [...feed.heard, ...resumed.heard]).toEqual(texts);
      feed.stop();
      resumed.stop();
      program.kill('SIGTERM');
      expect(await program.ended).toBe(0);
      await using service = await serveOn({ ...env, PROMPTWELL_OFFLINE: '1' });
      expect(ledger.verdict(await storedRows(service.app.db))).toMatchObject({ ...whole, stored: texts.length });
      record('F23 a whole process', seed, { steps: 5, prompts: texts.length, lost: 0, doubled: 0 });
    },
    isLong ? 600_000 : 300_000,
  );
});
