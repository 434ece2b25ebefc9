import fc from 'fast-check';
import type { PromptwellClient } from '../../src/client.js';
import { type Follower, follow } from './feed.js';
import { refusalOf } from './prompts.js';
import { until } from './wait.js';

/** Whom a run is of: somebody, a friend to invite, and a project. */
export interface Tenant {
  client: PromptwellClient;
  friend: PromptwellClient;
  projectId: string;
}

/** What lies outside of the project: another's, or what nobody has. */
export interface Outside {
  projectId: string;
  promptId(): string;
}

const modes = ['meaning', 'words', 'hybrid'] as const;
type Mode = (typeof modes)[number];

const managing = ['makeKey', 'listKeys', 'useKey', 'members', 'audit', 'invite', 'removeFriend', 'befriend'] as const;
type Managing = (typeof managing)[number];

/** What somebody does. `which` picks one of their own prompts, counted round. */
export type Step =
  | { do: 'create'; text: string; tags: string[]; key: string | null; generate: boolean }
  | { do: 'import'; texts: string[]; key: string | null }
  | { do: 'edit'; which: number; text: string }
  | { do: 'regenerate' | 'get' | 'delete' | 'responses'; which: number }
  | { do: 'list'; limit: number; text?: string }
  | { do: 'pages'; limit: number }
  | { do: 'similar'; query: string; mode: Mode }
  | { do: 'neighbours'; which: number }
  | { do: Managing }
  | { do: 'retention'; days: number }
  | { do: 'trespass'; how: number };

/** Both draw from the same few, so that their words, names and keys are often the same. */
const words = ['river', 'stone', 'the river bank', 'a stone in the river', 'budget of the year', 'yearly budgets', 'x'];
const text = fc.constantFrom(...words);
const which = fc.nat(6);
const key = fc.constantFrom(null, null, 'key one', 'key two');

/** Any step, the common ones more often. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      text,
      tags: fc.subarray(['a', 'b']),
      key,
      generate: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('import' as const),
      texts: fc.array(text, { minLength: 1, maxLength: 4 }),
      key,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('edit' as const), which, text }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('regenerate' as const, 'get' as const, 'delete' as const, 'responses' as const),
      which,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record(
      { do: fc.constant('list' as const), limit: fc.integer({ min: 1, max: 5 }), text },
      { requiredKeys: ['do', 'limit'] },
    ),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pages' as const), limit: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('similar' as const), query: text, mode: fc.constantFrom(...modes) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('neighbours' as const), which }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(...managing),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('retention' as const), days: fc.integer({ min: 1, max: 3_650 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('trespass' as const), how: fc.nat(20) }) },
);

/** All that one of them heard: each answer in turn, and the feed, with ids and times made comparable. */
export interface Transcript {
  answers: unknown[];
  feed: unknown[];
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
/** Secrets and seals differ by nature; that they are there, or not, does not. */
const opaque = new Set(['nextCursor', 'token', 'link', 'prefix', 'key', 'confirm', 'username', 'requestId']);
const measured = new Set(['latencyMs', 'timeToFirstTokenMs']);

/** Answers with each id replaced by its place in the order of appearance. */
class Normal {
  readonly #ids = new Map<string, string>();

  of(value: unknown): unknown {
    return JSON.parse(JSON.stringify(value ?? null), (name, part: unknown) => {
      if (typeof part === 'string') return opaque.has(name) ? 'opaque' : this.#text(part);
      return measured.has(name) && typeof part === 'number' ? 0 : part;
    });
  }

  #text(part: string): string {
    return part.replaceAll(time, 'then').replaceAll(uuid, (id) => {
      const known = this.#ids.get(id) ?? `id ${this.#ids.size + 1}`;
      this.#ids.set(id, known);
      return known;
    });
  }
}

/** One tenant at work, and what it hears. */
export class TenantRun {
  readonly #tenant: Tenant;
  readonly #outside: Outside;
  readonly #follower: Follower;
  readonly #normal = new Normal();
  readonly #answers: unknown[] = [];
  readonly #prompts: string[] = [];
  #key: string | undefined;
  #friendId: string | undefined;

  private constructor(tenant: Tenant, outside: Outside, follower: Follower) {
    this.#tenant = tenant;
    this.#outside = outside;
    this.#follower = follower;
    this.#normal.of([tenant.projectId]);
  }

  /** Begins to listen. */
  static async begin(tenant: Tenant, outside: Outside): Promise<TenantRun> {
    return new TenantRun(tenant, outside, await follow(tenant.client, { projectId: tenant.projectId }));
  }

  /** The newest prompt that it made, for others to trespass on. */
  newest(): string | undefined {
    return this.#prompts.at(-1);
  }

  /** Takes a step and writes down what came of it. */
  async take(next: Step): Promise<void> {
    const answer = await this.#do(next).then(
      (value: unknown) => ({ value }),
      (error: unknown) => ({ refused: refusalOf(error) }),
    );
    this.#answers.push(this.#normal.of({ ...next, ...answer }));
  }

  /** Says a last word, waits until the feed has brought it, and answers everything heard. */
  async end(): Promise<Transcript> {
    const { projectId, client } = this.#tenant;
    const { id } = await client.prompts.create.mutate({ projectId, text: 'the last word', generate: false });
    const isLast = ({ kind, prompt }: Follower['items'][number]) => kind === 'prompt.completed' && prompt?.id === id;
    await until('the last word', () => (this.#follower.items.some(isLast) ? true : undefined), 75_000);
    this.#follower.unsubscribe();
    const feed = this.#follower.items.map(({ kind, prompt }) => this.#normal.of({ kind, prompt }));
    return { answers: this.#answers, feed };
  }

  #own(nth: number): string {
    return this.#prompts[nth % Math.max(1, this.#prompts.length)] ?? this.#tenant.projectId;
  }

  async #do(next: Step): Promise<unknown> {
    if (next.do === 'create' || next.do === 'import') return this.#store(next);
    if ('which' in next) return this.#onPrompt(next);
    if (next.do === 'trespass') return this.#trespass(next.how);
    if (next.do === 'list' || next.do === 'pages' || next.do === 'similar') return this.#search(next);
    if (next.do === 'retention') {
      const { projectId, client } = this.#tenant;
      return client.retention.preview.query({ projectId, promptDays: next.days });
    }
    return this.#manage(next.do);
  }

  async #store(next: Extract<Step, { do: 'create' | 'import' }>): Promise<unknown> {
    const { projectId, client } = this.#tenant;
    const keyed = next.key === null ? {} : { idempotencyKey: next.key };
    if (next.do === 'import') {
      const items = next.texts.map((each) => ({ text: each, responses: [{ text: 'an answer' }] }));
      const answer = await client.prompts.import.mutate({ projectId, items, ...keyed });
      this.#prompts.push(...answer.ids);
      await this.#untilIndexed(answer.ids);
      return answer;
    }
    const { text: asked, tags, generate } = next;
    const prompt = await client.prompts.create.mutate({ projectId, text: asked, tags, generate, ...keyed });
    this.#prompts.push(prompt.id);
    return prompt;
  }

  /** When imports are embedded is the background lane's affair; what is found and heard then is compared. */
  async #untilIndexed(ids: readonly string[]): Promise<void> {
    const { projectId, client } = this.#tenant;
    for (const id of ids)
      await until('an imported prompt to be embedded', async () => {
        const prompt = await client.prompts.get.query({ projectId, id }).catch(() => null);
        return prompt === null || prompt.embedding !== null ? true : undefined;
      });
  }

  /** Deleting blanks what is not delivered yet, which a transaction of any other test on this server may hold up. */
  async #untilTold(id: string): Promise<void> {
    const { projectId, client } = this.#tenant;
    const current = await client.prompts.get.query({ projectId, id }).catch(() => null);
    if (current === null) return;
    const isLast = ({ prompt }: Follower['items'][number]): boolean =>
      prompt?.id === id && prompt.updatedAt === current.updatedAt && prompt.status === current.status;
    await until('what is deleted to be told', () => (this.#follower.items.some(isLast) ? true : undefined), 75_000);
  }

  #onPrompt(next: Extract<Step, { which: number }>): Promise<unknown> {
    const { projectId, client } = this.#tenant;
    const one = { projectId, id: this.#own(next.which) };
    if (next.do === 'edit') return client.prompts.update.mutate({ ...one, text: next.text });
    if (next.do === 'regenerate') return client.prompts.regenerate.mutate(one);
    if (next.do === 'delete') return this.#untilTold(one.id).then(() => client.prompts.delete.mutate(one));
    if (next.do === 'neighbours') return client.prompts.similar.query({ projectId, promptId: one.id });
    return next.do === 'get' ? client.prompts.get.query(one) : client.prompts.responses.query(one);
  }

  async #search(next: Extract<Step, { do: 'list' | 'pages' | 'similar' }>): Promise<unknown> {
    const { projectId, client } = this.#tenant;
    if (next.do === 'similar') return client.prompts.similar.query({ projectId, query: next.query, mode: next.mode });
    if (next.do === 'list')
      return client.prompts.list.query({
        projectId,
        limit: next.limit,
        filter: next.text === undefined ? {} : { text: next.text },
      });
    const pages: unknown[] = [];
    for (let cursor: string | null | undefined; cursor !== null && pages.length < 5; ) {
      const page = { projectId, limit: next.limit, ...(cursor === undefined ? {} : { cursor }) };
      const { items, nextCursor } = await client.prompts.list.query(page);
      pages.push(items.map(({ id, text: said }) => ({ id, said })));
      cursor = nextCursor;
    }
    return pages;
  }

  async #manage(what: Managing): Promise<unknown> {
    const { projectId, client, friend } = this.#tenant;
    if (what === 'makeKey') {
      const made = await client.apiKeys.create.mutate({ projectId, name: 'same name', scopes: ['prompts:read'] });
      this.#key = made.id;
      return made;
    }
    if (what === 'listKeys') return client.apiKeys.list.query({ projectId });
    if (what === 'useKey') return client.apiKeys.revoke.mutate({ projectId, id: this.#key ?? projectId });
    if (what === 'members') return client.projects.members.list.query({ projectId });
    if (what === 'audit') return client.audit.list.query({ projectId, limit: 50 });
    if (what === 'invite') return client.projects.invitations.create.mutate({ projectId, role: 'viewer' });
    if (what === 'removeFriend')
      return client.projects.members.remove.mutate({ projectId, userId: this.#friendId ?? projectId });
    const { token } = await client.projects.invitations.create.mutate({ projectId, role: 'member' });
    this.#friendId = (await friend.auth.me.query()).user.id;
    return friend.projects.invitations.accept.mutate({ token });
  }

  /** Tries what must be answered as if nothing were there. */
  #trespass(how: number): Promise<unknown> {
    const { projectId, client } = this.#tenant;
    const id = this.#outside.promptId();
    const foreign = { projectId: this.#outside.projectId };
    const ways: (() => Promise<unknown>)[] = [
      () => client.prompts.get.query({ projectId, id }),
      () => client.prompts.responses.query({ projectId, id }),
      () => client.prompts.update.mutate({ projectId, id, text: 'stolen' }),
      () => client.prompts.regenerate.mutate({ projectId, id }),
      () => client.prompts.delete.mutate({ projectId, id }),
      () => client.prompts.similar.query({ projectId, promptId: id }),
      () => client.prompts.get.query({ ...foreign, id }),
      () => client.prompts.list.query(foreign),
      () => client.prompts.similar.query({ ...foreign, query: 'river' }),
      () => client.prompts.create.mutate({ ...foreign, text: 'planted', generate: false }),
      () => client.prompts.import.mutate({ ...foreign, items: [{ text: 'planted' }] }),
      () => client.apiKeys.list.query(foreign),
      () => client.apiKeys.revoke.mutate({ projectId, id: foreign.projectId }),
      () => client.projects.members.list.query(foreign),
      () => client.projects.members.remove.mutate({ projectId, userId: foreign.projectId }),
      () => client.projects.invitations.list.query(foreign),
      () => client.projects.erase.mutate({ ...foreign, confirm: 'Same name' }),
      () => client.retention.applyNow.mutate(foreign),
      () => client.audit.list.query(foreign),
    ];
    return (ways[how % ways.length] ?? ways[0])?.() ?? Promise.resolve(null);
  }
}
