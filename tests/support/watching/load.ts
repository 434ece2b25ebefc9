import pg from 'pg';
import { WebSocket } from 'ws';
import { createPromptwellClient, type PromptwellClient } from '../../../src/client.js';
import { themes } from '../../../src/demo/samples.js';
import { answers, type Behaviour, type FakeUpstream, held, refuses } from '../fake-upstream.js';
import { follow } from '../feed.js';
import { goodPassword } from '../service.js';
import type { TestProcess } from '../process.js';
import { until } from '../wait.js';

/** A load that runs until it is stopped. */
export interface Load {
  /** Rounds so far, and what went wrong that should not have. */
  rounds(): number;
  stop(): Promise<void>;
}

const texts = themes.flatMap(({ prompts }) => [...prompts]);
const queries = themes.flatMap(({ queries: asked }) => [...asked]);
const pick = (list: readonly string[], index: number): string => list[index % list.length] ?? '';

/** So long that a few of them keep the embedder busy, and new in every round, so that no cache answers. */
const longText = (round: number, index: number): string =>
  `${round}.${index} ${pick(texts, index)} `.padEnd(9_500, ` ${pick(queries, index + round)} ${round}`);

/** The model that the fake upstream plays: most calls are answered, some refused, some wait to be cancelled. */
export const moodyModel: Behaviour = (exchange) => {
  const asked = JSON.stringify(exchange.request.body['messages']);
  if (asked.includes('please fail')) return refuses(500)(exchange);
  if (asked.includes('please wait')) return held('One moment and then some more words')(exchange);
  const words = 8 + (asked.length % 40);
  return answers(pick(texts, asked.length).repeat(1 + (words % 3)), {
    input: asked.length % 300,
    output: words,
    cached: asked.length % 40,
  })(exchange);
};

interface Person {
  name: string;
  client: PromptwellClient;
}

async function person(url: string, name: string): Promise<Person> {
  const stranger = createPromptwellClient({ url, WebSocket });
  const { tokens } = await stranger.auth.signup.mutate({ username: name, password: goodPassword });
  return { name, client: createPromptwellClient({ url, token: tokens.accessToken, WebSocket }) };
}

const modes = ['meaning', 'words', 'hybrid'] as const;

/** What fails on purpose must not stop the rest. */
const refused = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);
const all = (count: number, work: (index: number) => Promise<unknown>): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, (_, index) => refused(work(index))));

/** Everyday use of one service: asks, searches, reads, edits, deletes. */
async function use({ client }: Person, round: number): Promise<void> {
  const { id } = await client.prompts.create.mutate({ text: `${pick(texts, round)} (${round})` });
  await client.prompts.create.mutate({ text: pick(texts, round + 3), generate: false });
  await all(3, (index) =>
    client.prompts.similar.query({ query: pick(queries, round + index), mode: modes[index] ?? 'hybrid' }),
  );
  await client.prompts.get.query({ id });
  await client.prompts.list.query({ limit: 20 });
  await client.prompts.responses.query({ id });
  await client.prompts.update.mutate({ id, tags: [`round-${round % 5}`] });
  if (round % 3 === 0) await client.prompts.regenerate.mutate({ id });
  if (round % 2 === 0) await client.prompts.delete.mutate({ id });
}

/** What goes wrong in the life of a service, by the callers and by the model. */
async function misuse(url: string, { client }: Person, round: number): Promise<void> {
  const nobody = createPromptwellClient({ url, WebSocket });
  await all(1, () => client.prompts.create.mutate({ text: `please fail ${round}` }));
  await all(1, () => client.prompts.create.mutate({ text: ' ' }));
  await all(1, () => client.prompts.get.query({ id: '01900000-0000-7000-8000-000000000000' }));
  await all(1, () => nobody.prompts.list.query({}));
  await all(1, () => nobody.auth.login.mutate({ username: 'nobody-here', password: `guess ${round} of many` }));
  await all(1, () => fetch(`${url}/no/such/path`));
}

/** A stream that is begun and left: the model is cancelled. */
function leave({ client }: Person, round: number): Promise<void> {
  return new Promise((resolve) => {
    const subscription = client.prompts.stream.subscribe(
      { text: `please wait ${round}` },
      {
        onData: ({ data }) => {
          if (!JSON.stringify(data).includes('One')) return;
          subscription.unsubscribe();
          resolve();
        },
        onError: () => resolve(),
      },
    );
  });
}

/** Everything once each round, or as on a good day: the rough things rarely, and some rest. */
export type Manner = 'rough' | 'gentle';

/** Who calls. */
type Cast = Record<'ada' | 'bob' | 'spender' | 'eve', Person> & { crowd: Person[] };

/** With four searches of each at a time: more than the embedder lets wait. */
const crowdSize = 24;

/** One after another: so many sign-ups at once from one address look like guessing. */
async function crowdOf(url: string): Promise<Person[]> {
  const crowd: Person[] = [];
  for (let index = 0; index < crowdSize; index += 1) crowd.push(await person(url, `crowd-${index}-on-server`));
  return crowd;
}

async function castOf({ onServer, embedded }: Services): Promise<Cast> {
  return {
    ada: await person(onServer.url, 'ada-on-server'),
    bob: await person(onServer.url, 'bob-on-server'),
    spender: await person(onServer.url, 'spender-on-server'),
    eve: await person(embedded.url, 'eve-embedded'),
    crowd: await crowdOf(onServer.url),
  };
}

/** What rough users do at the same time as everybody else. */
async function burst({ bob, crowd, spender }: Cast, round: number): Promise<void> {
  const dear = { text: 'dear', model: 'gpt-4', parameters: { maxOutputTokens: 100_000 } };
  await Promise.all([
    // More searches than the embedder lets wait: new prompts find it full, and the indexer embeds them later.
    ...crowd.map(({ client }, place) =>
      all(4, (index) => client.prompts.similar.query({ query: longText(round, 4 * place + index), limit: 1 })),
    ),
    all(25, (index) => bob.client.prompts.create.mutate({ text: longText(round, 100 + index) })),
    all(1, () => spender.client.prompts.create.mutate(dear)),
  ]);
}

interface Services {
  onServer: TestProcess;
  embedded: TestProcess;
  upstream: FakeUpstream;
  databaseUrl: string;
}

/** A project that is large by this topology's measure, and one of which a part is past its days. */
async function prepare({ bob, ada }: Cast, databaseUrl: string): Promise<void> {
  for (let page = 0; page < 8; page += 1)
    await all(20, (index) =>
      bob.client.prompts.create.mutate({ text: `${pick(texts, index)} (${page}.${index})`, generate: false }),
    );
  const { id } = await ada.client.prompts.create.mutate({ text: 'of long ago', generate: false });
  await ada.client.retention.set.mutate({ promptDays: 30, responseDays: null, eventDays: null });
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query("UPDATE prompt SET created_at = created_at - interval '40 days' WHERE id = $1", [id]);
  await client.end();
  await ada.client.retention.applyNow.mutate({});
}

/** Uses both services as their users would, and misuses them as some do, round after round. */
export async function startLoad(services: Services, manner: Manner): Promise<Load> {
  services.upstream.always(moodyModel);
  const cast = await castOf(services);
  const { ada, bob, eve } = cast;
  await prepare(cast, services.databaseUrl);
  const followed = await Promise.all([ada, ada, ada, bob, eve].map(({ client }) => follow(client)));
  let rounds = 0;
  const stopping = new AbortController();
  let trouble: unknown;
  const round = async (): Promise<void> => {
    const wave = 2 + Math.round(2 + 2 * Math.sin(rounds / 4));
    const isRough = manner === 'rough' || rounds % 8 === 7;
    await Promise.all([
      all(wave, (index) => use(ada, rounds * 7 + index)),
      all(1, () => use(eve, rounds)),
      all(1, () => use(bob, rounds)),
      misuse(services.onServer.url, bob, rounds),
      leave(bob, rounds),
      ...(isRough ? [burst(cast, rounds)] : [new Promise((resolve) => setTimeout(resolve, 400))]),
    ]);
    rounds += 1;
  };
  const running = (async () => {
    while (!stopping.signal.aborted) await round();
  })().catch((cause: unknown) => {
    trouble = cause;
  });
  await until(
    'the first rounds',
    () => {
      if (trouble !== undefined) throw new Error('the load broke', { cause: trouble });
      return rounds >= 2 ? true : undefined;
    },
    180_000,
  );
  return {
    rounds: () => {
      if (trouble !== undefined) throw new Error('the load broke', { cause: trouble });
      return rounds;
    },
    async stop() {
      stopping.abort();
      await running;
      for (const subscription of followed) subscription.unsubscribe();
    },
  };
}
