import type { Outputs, PromptwellClient } from '../../src/client.js';

/** One space as `spaces.list` shows it. */
export type Space = Outputs['spaces']['list']['spaces'][number];

/** A space by name, or undefined. */
export const spaceOf = async (client: PromptwellClient, name: string): Promise<Space | undefined> =>
  (await client.spaces.list.query()).spaces.find((space) => space.name === name);

/** How long a space is waited for: many tests share two cores. */
const deadlineMs = 90_000;

/** Resolves, told by the subscription and not by asking again and again, when `isReached` says so of a space (undefined: gone). */
export function untilSpaceIs(
  client: PromptwellClient,
  name: string,
  isReached: (space: Space | undefined) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      following.unsubscribe();
      settle();
    };
    const timer = setTimeout(() => end(() => reject(new Error(`waited in vain for the space ${name}`))), deadlineMs);
    const following = client.spaces.follow.subscribe(
      {},
      {
        onData: ({ data }) => {
          if (isReached(data.spaces.find((space) => space.name === name))) end(resolve);
        },
        onError: (cause) => end(() => reject(cause)),
      },
    );
  });
}

/** Resolves when a space has a state. */
export const untilSpace = (client: PromptwellClient, name: string, state: Space['state']): Promise<void> =>
  untilSpaceIs(client, name, (space) => space?.state === state);

/** Stores prompts without asking a model, a few at a time. */
export async function storePrompts(
  client: PromptwellClient,
  texts: readonly string[],
): Promise<Outputs['prompts']['get'][]> {
  const stored: Outputs['prompts']['get'][] = [];
  for (let start = 0; start < texts.length; start += 8)
    stored.push(
      ...(await Promise.all(
        texts.slice(start, start + 8).map((text) => client.prompts.create.mutate({ text, generate: false })),
      )),
    );
  return stored;
}
