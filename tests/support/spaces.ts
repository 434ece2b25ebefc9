import type { Outputs, PromptwellClient } from '../../src/client.js';
import { until } from './wait.js';

/** One space as `spaces.list` shows it. */
export type Space = Outputs['spaces']['list']['spaces'][number];

/** A space by name, or undefined. */
export const spaceOf = async (client: PromptwellClient, name: string): Promise<Space | undefined> =>
  (await client.spaces.list.query()).spaces.find((space) => space.name === name);

/** Resolves when a space has a state. */
export const untilSpace = (client: PromptwellClient, name: string, state: Space['state']) =>
  until(
    `the space ${name} to be ${state}`,
    async () => {
      const space = await spaceOf(client, name);
      return space?.state === state ? space : undefined;
    },
    60_000,
  );

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
