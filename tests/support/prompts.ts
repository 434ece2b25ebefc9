import type { TRPCClientError } from '@trpc/client';
import type { AppRouter, Inputs, Outputs, PromptwellClient } from '../../src/client.js';

/** One prompt as the wire shows it. */
export type Prompt = Outputs['prompts']['get'];

/** What a failed call told its caller. */
export interface Refusal {
  code: string;
  message: string;
  details: Record<string, unknown>;
}

/** The refusal that a call ends with. Faults: when it is no refusal, or the call succeeds. */
export async function refusal(call: Promise<unknown>): Promise<Refusal> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) throw new Error(`was not refused: ${JSON.stringify(outcome.value)}`);
  return refusalOf(outcome.error);
}

/** What an error of the client says. Faults: any error that is none. */
export function refusalOf(error: unknown): Refusal {
  const { data, message } = error as TRPCClientError<AppRouter>;
  if (data === undefined || data === null) throw error;
  return { code: data.code, message, details: data.details as Record<string, unknown> };
}

/** A subscription to `prompts.stream` with everything it has said. */
export interface StreamReader {
  events: Outputs['prompts']['stream'] extends AsyncIterable<infer Item> ? Item[] : never;
  /** The pieces of the answer, joined. */
  text(): string;
  /** How often the server said that the stream has begun. */
  ended: Promise<Prompt>;
  unsubscribe(): void;
}

/** Begins a stream. `ended` has the prompt of its last item, or the error that ended it. */
export function readStream(client: PromptwellClient, input: Inputs['prompts']['stream']): StreamReader {
  const events: { id: string; data: { type: string; text?: string; prompt?: Prompt } }[] = [];
  let unsubscribe = (): void => undefined;
  const ended = new Promise<Prompt>((resolve, reject) => {
    const subscription = client.prompts.stream.subscribe(input, {
      onData: (item) => {
        events.push(item);
        if (item.data.type === 'completed' || item.data.type === 'failed')
          resolve((item.data as { prompt: Prompt }).prompt);
      },
      onError: reject,
    });
    unsubscribe = () => subscription.unsubscribe();
  });
  ended.catch(() => undefined);
  return {
    events: events as unknown as StreamReader['events'],
    text: () => events.map(({ data }) => (data.type === 'delta' ? (data.text ?? '') : '')).join(''),
    ended,
    unsubscribe: () => unsubscribe(),
  };
}

/** Runs `count` calls at once and answers their outcomes, refused or not. */
export const inParallel = <T>(count: number, call: (index: number) => Promise<T>): Promise<PromiseSettledResult<T>[]> =>
  Promise.allSettled(Array.from({ length: count }, (_, index) => call(index)));
