import { WebSocket } from 'ws';
import { clientFor } from '../service.js';
import { until } from '../wait.js';

/** One event as a subscriber heard it. */
export interface Heard {
  name: string;
  atMs: number;
}

/** A subscriber of the real client, with all it heard, over however many connections. */
export interface Listener {
  heard: Heard[];
  errors: unknown[];
  completions: number;
  /** How often it was told that it listens: once a connection. */
  readonly connections: number;
  unsubscribe(): void;
}

/** What tells one event of a run from every other. */
export const nameOf = (kind: string, promptId: string, text: string): string => `${kind} ${promptId} ${text}`;

/** Follows the feed with the real client; resolves once it listens. */
export async function listen(url: string, token: string, Socket: unknown = WebSocket): Promise<Listener> {
  let connections = 0;
  const listener = {
    heard: [] as Heard[],
    errors: [] as unknown[],
    completions: 0,
    get connections() {
      return connections;
    },
    unsubscribe: () => subscription.unsubscribe(),
  };
  const subscription = clientFor(url, { token, WebSocket: Socket }).feed.follow.subscribe(
    {},
    {
      onData: ({ data }) => {
        if (data.kind === 'ready') connections += 1;
        else listener.heard.push({ name: nameOf(data.kind, data.prompt.id, data.prompt.text ?? ''), atMs: Date.now() });
      },
      onError: (error) => void listener.errors.push(error),
      onComplete: () => {
        listener.completions += 1;
      },
    },
  );
  await until('the feed', () => (connections > 0 ? true : undefined));
  return listener;
}

/** What one subscriber's record says against the database's own order. */
export interface FeedVerdict {
  lost: number;
  doubled: number;
  /** Neighbours that stand in another order than the database's. */
  misordered: number;
  unknown: number;
}

/** Compares what was heard with every event that there is, in its order. */
export function feedVerdict(heard: readonly string[], truth: readonly string[]): FeedVerdict {
  const places = new Map(truth.map((name, place) => [name, place]));
  const found = new Set(heard);
  const order = heard.map((name) => places.get(name) ?? -1);
  return {
    lost: truth.filter((name) => !found.has(name)).length,
    doubled: heard.length - found.size,
    misordered: order.filter((place, index) => index > 0 && place < (order[index - 1] ?? 0)).length,
    unknown: order.filter((place) => place < 0).length,
  };
}

/** The verdict of a feed that kept its promise. */
export const kept: FeedVerdict = { lost: 0, doubled: 0, misordered: 0, unknown: 0 };

/** The value below which `share` of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
