import { WebSocket } from 'ws';
import { createPromptwellClient, type Outputs, type PromptwellClient } from '../client.js';
import { streamed, themes } from './samples.js';
import type { Screen } from './screen.js';

/** Where the story takes place and who tells it. */
export interface Stage {
  screen: Screen;
  url: string;
  nowMs: () => number;
  /** Ends the waiting when the reader has seen enough. */
  signal: AbortSignal;
}

/** Somebody with an account. */
export interface Person {
  name: string;
  client: PromptwellClient;
  /** A second client of the same person, as another tab or machine would be. */
  second: () => PromptwellClient;
}

/** What a second client hears while the first one works. */
export interface Listening {
  heard: { kind: string; text: string }[];
  stop(): void;
}

/** Prompts that are created at once: enough to keep the embedder busy, few enough to see them come in. */
const creationsAtOnce = 6;

/** Longest wait for events that are on their way. */
const eventLimitMs = 10_000;

/** An account on the service, with a client that bears its session. */
export async function signUp({ url }: Stage, name: string): Promise<Person> {
  const stranger = createPromptwellClient({ url });
  const { tokens } = await stranger.auth.signup.mutate({ username: name, password: `the demo of ${name}, gone soon` });
  const client = (): PromptwellClient => createPromptwellClient({ url, tokens, WebSocket });
  return { name, client: client(), second: client };
}

/** Follows a person's feed on a second client; resolves once it listens. */
export function listen(person: Person): Promise<Listening> {
  const heard: Listening['heard'] = [];
  return new Promise((resolve, reject) => {
    const subscription = person.second().feed.follow.subscribe(
      {},
      {
        onData: ({ data }) => {
          if (data.kind === 'ready') resolve({ heard, stop: () => subscription.unsubscribe() });
          else heard.push({ kind: data.kind, text: data.prompt.text });
        },
        onError: reject,
      },
    );
  });
}

/** Creates the prompts whose answers are printed as they arrive. */
export async function streamAnswers({ screen }: Stage, { client, name }: Person): Promise<void> {
  for (const { theme, text } of streamed) {
    screen.say(`${screen.colors.cyan(`${name} ›`)} ${text}`);
    const answer = screen.streaming();
    await new Promise<void>((resolve, reject) => {
      client.prompts.stream.subscribe(
        { text, tags: [theme] },
        {
          onData: ({ data }) => {
            if (data.type === 'delta') answer.push(data.text);
            if (data.type === 'completed') resolve();
            if (data.type === 'failed') reject(new Error(`The answer to “${text}” failed.`));
          },
          onError: reject,
        },
      );
    });
    answer.end();
  }
}

/** Creates all the other prompts; answers how many there were. */
export async function storePrompts({ screen, nowMs }: Stage, { client }: Person): Promise<number> {
  const waiting = themes.flatMap(({ name, prompts }) => prompts.map((text) => ({ text, tags: [name] })));
  const total = waiting.length;
  const startedMs = nowMs();
  const progress = screen.progress(`Storing ${total} more prompts`);
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await client.prompts.create.mutate(next);
      progress.update(`${total - waiting.length} of ${total}`);
    }
  };
  await Promise.all(Array.from({ length: creationsAtOnce }, work));
  progress.done(
    `${total} more prompts on ${themes.length} themes answered, embedded and stored in ${seconds(nowMs() - startedMs)}`,
  );
  return total;
}

/** One question and what was found first. */
export interface Finding {
  theme: string;
  query: string;
  hits: Outputs['prompts']['similar']['hits'];
  mode: Outputs['prompts']['similar']['mode'] | null;
}

/** Asks all the questions for somebody, in order. */
export async function askAll({ client }: Person): Promise<Finding[]> {
  const questions = themes.flatMap(({ name, queries }) => queries.map((query) => ({ theme: name, query })));
  const answers = await Promise.all(questions.map(({ query }) => client.prompts.similar.query({ query, limit: 3 })));
  return questions.map((question, index) => ({
    ...question,
    hits: answers[index]?.hits ?? [],
    mode: answers[index]?.mode ?? null,
  }));
}

/** Resolves when `count` events have been heard. Faults: an error that says how many came. */
export async function hearAll({ nowMs, signal }: Stage, { heard }: Listening, count: number): Promise<void> {
  const endMs = nowMs() + eventLimitMs;
  while (heard.length < count) {
    signal.throwIfAborted();
    if (nowMs() > endMs) throw new Error(`Of ${count} events only ${heard.length} arrived.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A duration in words. */
export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
