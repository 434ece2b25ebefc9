import type { PromptwellClient } from '../../src/client.js';
import { modelFiles } from '../../src/platform/embedding/model-files.js';
import { createTestFolder, engineUnderTest } from '../support/database.js';
import { standInPath } from '../support/embedding.js';
import { fakeEmbeddings } from '../support/fake-embeddings.js';
import { modelMirror } from '../support/model-mirror.js';
import { startService } from '../support/service.js';
import { spaceOf, untilSpace } from '../support/spaces.js';
import { until } from '../support/wait.js';
import { median, row, times } from './measure.js';
import { promptText } from './texts.js';

const lexical = 'lexical-1';
const remote = 'endpoint:words:256';

/** How fast a space of `size` prompts fills, how long stored vectors wait for a switch, and what searches feel meanwhile. */
export async function benchSpaces(size: number): Promise<string[]> {
  await using endpoint = await fakeEmbeddings();
  await using folder = await createTestFolder();
  const mirror = standInPath === null ? null : await modelMirror(standInPath);
  const neural = mirror === null ? {} : { EMBEDDER: 'auto', MODEL_DIR: folder.path, MODEL_MIRROR: mirror.url };
  await using service = await startService({
    env: { ...endpoint.env(), ...neural, STATEMENT_TIMEOUT_MS: '60000' },
    ...(mirror === null ? {} : { modelFiles: mirror.files }),
  });
  const { client, session } = await service.signUp();
  const { db } = service.app;
  const started = performance.now();
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
  const lines = ['| what | figure |', '| --- | --- |', row(['prompts', size]), row(['engine', engineUnderTest])];
  const filled = async (name: string): Promise<number> => {
    const startedMs = performance.now();
    const before = (await spaceOf(client, name))?.filled ?? 0;
    await until(`${name} to be full`, async () => {
      const space = await spaceOf(client, name);
      return space !== undefined && space.filled >= size ? space : undefined;
    }, 600_000);
    return ((size - before) * 1_000) / (performance.now() - startedMs);
  };
  await client.prompts.create.mutate({ text: 'begin', generate: false });
  lines.push(row(['rows written in ms', Math.round(performance.now() - started)]));
  await client.spaces.add.mutate({ name: remote });
  lines.push(row(['endpoint (a fake on this machine), vectors/s', (await filled(remote)).toFixed(0)]));
  const idle = await searches(client);
  await untilSpace(client, remote, 'full');
  const answer = await client.spaces.activate.mutate({ name: remote });
  lines.push(row(['switch, stored vectors wait ms', answer.pauseMs]), row(['compared', answer.comparison.sampled]));
  lines.push(row(['search p50 ms, idle', idle.toFixed(1)]));
  await mirror?.[Symbol.asyncDispose]();
  return lines;
}

const searches = async (client: PromptwellClient): Promise<number> =>
  median(await times(40, (index) => client.prompts.similar.query({ query: `${promptText(index)} again` })));

void modelFiles;
void lexical;
