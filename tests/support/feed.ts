import type { Inputs, Outputs, PromptwellClient } from '../../src/client.js';
import type { Database } from '../../src/platform/db/database.js';
import { until } from './wait.js';

type Prompt = Outputs['prompts']['get'];

/** One item of the feed: its resume id, its kind and the prompt it is about. */
export interface FeedItem {
  id: string;
  kind: string;
  prompt?: Prompt;
}

/** Somebody who listens, with everything heard so far. */
export interface Follower {
  items: FeedItem[];
  errors: unknown[];
  /** How often the server said that the stream was complete. */
  completions: number;
  /** What was heard, as `kind text`, without `ready`. */
  heard(): string[];
  unsubscribe(): void;
}

/** Follows the feed; resolves once it listens. */
export async function follow(client: PromptwellClient, input: Inputs['feed']['follow'] = {}): Promise<Follower> {
  const items: FeedItem[] = [];
  const follower: Follower = {
    items,
    errors: [],
    completions: 0,
    heard: () =>
      items.filter(({ kind }) => kind !== 'ready').map(({ kind, prompt }) => `${kind} ${prompt?.text ?? ''}`),
    unsubscribe: () => subscription.unsubscribe(),
  };
  const subscription = client.feed.follow.subscribe(input, {
    onData: ({ id, data }) => void items.push({ id, ...data }),
    onError: (error) => void follower.errors.push(error),
    onComplete: () => {
      follower.completions += 1;
    },
  });
  await until('the feed', () => (items.length > 0 || follower.errors.length > 0 ? true : undefined));
  return follower;
}

/** Resolves once a follower has heard `count` events besides `ready`. */
export const untilHeard = (follower: Follower, count: number, deadlineMs = 15_000): Promise<true> =>
  until(`${count} events`, () => (follower.heard().length >= count ? true : undefined), deadlineMs);

/** A stream of server-sent events over plain HTTP. */
export interface EventStream {
  status: number;
  /** The `data` of each message so far. */
  messages: string[];
  /** Resolves when the server ends or cuts the stream. */
  ended: Promise<void>;
  stop(): void;
}

/** Opens the feed as server-sent events. */
export async function openEvents(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
  const stopping = new AbortController();
  const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: stopping.signal });
  const messages: string[] = [];
  const read = async (): Promise<void> => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes as Uint8Array, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) messages.push(block);
    }
  };
  return { status: response.status, messages, ended: read().catch(() => undefined), stop: () => stopping.abort() };
}

/** Resolves when what is committed may be read: a transaction of any other test on this server may hold it up. */
export const untilReadable = (db: Pick<Database, 'read'>): Promise<true> =>
  until(
    'the newest event to be readable',
    async () => {
      const [newest] = await db.read<{ isReadable: boolean }>(
        'SELECT max(xid::text::bigint)::text::xid8 < pg_snapshot_xmin(pg_current_snapshot()) AS "isReadable" FROM event',
        [],
      );
      return newest?.isReadable === true ? true : undefined;
    },
    75_000,
  );
