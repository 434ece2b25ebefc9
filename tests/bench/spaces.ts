import type { PromptwellClient } from '../../src/client.js';
import { engineUnderTest } from '../support/database.js';
import { fakeEmbeddings } from '../support/fake-embeddings.js';
import { startService } from '../support/service.js';
import { spaceOf, untilSpace, untilSpaceIs } from '../support/spaces.js';
import { median, row, times } from './measure.js';
import { promptText } from './texts.js';

const lexical = 'lexical-1';
const remote = 'endpoint:words:256';

/** How fast a space of `size` prompts fills, how long stored vectors wait for a switch, and what searches feel meanwhile. */
export async function benchSpaces(size: number): Promise<string[]> {
  await using endpoint = await fakeEmbeddings();
  await using service = await startService({ env: endpoint.env() });
  const { client, session } = await service.signUp();
  const { db } = service.app;
  for (let start = 0; start < size; start += 1_000)
    await db.read(
      `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status)
       SELECT gen_random_uuid(), $1::uuid, $2::uuid, t, encode(sha256(convert_to(t, 'UTF8')), 'hex'), 'completed'
       FROM unnest($3::text[]) AS t`,
      [
        session.project.id,
        session.user.id,
        Array.from({ length: Math.min(1_000, size - start) }, (_, index) => promptText(start + index)),
      ],
    );
  await db.read('ANALYZE', []);
  const lines = ['| what | figure |', '| --- | --- |', row('prompts', size), row('engine', engineUnderTest)];
  const filled = async (name: string): Promise<number> => {
    const startedMs = performance.now();
    const before = (await spaceOf(client, name))?.filled ?? 0;
    await untilSpaceIs(client, name, (space) => space !== undefined && space.filled >= size);
    return ((size - before) * 1_000) / (performance.now() - startedMs);
  };
  // Rows written past the service are seen when something wakes the indexer; it fills the space that serves first.
  await client.spaces.add.mutate({ name: remote });
  lines.push(row(`${lexical}, vectors/s`, (await filled(lexical)).toFixed(0)));
  const remotely = await filled(remote);
  // Of few prompts the endpoint's space is full as soon as the other.
  lines.push(row('endpoint (a fake on this machine), vectors/s', remotely < 1 ? 'at once' : remotely.toFixed(0)));
  await untilSpace(client, remote, 'full');
  const idleMs = await searches(client);
  const answer = await client.spaces.activate.mutate({ name: remote });
  lines.push(row('switch: stored vectors wait at most, ms', answer.pauseMs));
  lines.push(row('prompts compared before it, in 5 s at most', answer.comparison.sampled));
  lines.push(row('search p50 with nothing to fill, ms', idleMs.toFixed(1)));
  return lines;
}

const searches = async (client: PromptwellClient): Promise<number> =>
  median(await times(40, (index) => client.prompts.similar.query({ query: `${promptText(index)} again` })));
