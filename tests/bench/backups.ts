import { loadavg } from 'node:os';
import { stat } from 'node:fs/promises';
import { readBackups } from '../../src/platform/db/backups.js';
import { examine } from '../../src/platform/db/doctor/doctor.js';
import { checkBackup, makeBackup, restoreBackup } from '../../src/platform/db/restore.js';
import { migratedDatabase } from '../support/bare-database.js';
import { engineUnderTest, testDeps } from '../support/database.js';
import { withRaw } from '../support/raw.js';
import { writeRows } from '../support/upgrade/rows.js';
import { row } from './measure.js';

// `npx tsx tests/bench/backups.ts [prompts]`: backup, check, restore and doctor of a database of that many prompts, each
// with a response, a vector of 384 dimensions and two events.
const prompts = Number(process.argv[2] ?? 10_000);

const fillSql = `
INSERT INTO space (name, dimensions) VALUES ('bench-384', 384);
INSERT INTO prompt (id, project_id, user_id, text, text_hash, status, model)
  SELECT md5('prompt ' || n)::uuid, p.id, m.user_id, t.text, encode(sha256(convert_to(t.text, 'UTF8')), 'hex'), 'completed', 'offline'
  FROM generate_series(1, ${prompts}) AS n, project AS p JOIN membership AS m ON m.project_id = p.id,
    LATERAL (SELECT 'Question ' || n || ' ' || repeat(md5(n::text), 8) AS text) AS t;
INSERT INTO response (id, project_id, prompt_id, text, model, provider, latency_ms)
  SELECT md5('response ' || id)::uuid, project_id, id, repeat(md5(text), 20), 'offline', 'offline', 100 FROM prompt WHERE text LIKE 'Question%';
INSERT INTO event (project_id, kind, prompt_id, view)
  SELECT project_id, kind, id, json_build_object('text', text) FROM prompt, unnest(ARRAY['prompt.created', 'prompt.completed']) AS kind
  WHERE text LIKE 'Question%';
INSERT INTO embedding (project_id, prompt_id, space_id, text_hash, vector)
  SELECT p.project_id, p.id, s.id, p.text_hash,
    l2_normalize((SELECT array_agg(r) FROM (SELECT random() - 0.5 + 0 * p.latency AS r FROM generate_series(1, 384)) AS parts)::vector)
  FROM (SELECT *, length(text) AS latency FROM prompt WHERE text LIKE 'Question%') AS p, space AS s WHERE s.name = 'bench-384';`;

async function seconds<T>(work: () => Promise<T>): Promise<[T, number]> {
  const startedMs = performance.now();
  const result = await work();
  return [result, (performance.now() - startedMs) / 1_000];
}

const load = (): string => loadavg()[0]?.toFixed(1) ?? '?';
await using bare = await migratedDatabase();
await withRaw(bare.config, async (client) => {
  await writeRows(client, '20261121000000_init');
  await client.query(fillSql);
});
const before = load();
const deps = { ...testDeps, config: bare.config };
const [path, fullSeconds] = await seconds(() => makeBackup(deps));
const counts = { ...deps, config: { ...bare.config, backupVerify: 'counts' as const } };
const [, countsSeconds] = await seconds(() => makeBackup(counts));
const [, checkSeconds] = await seconds(() => checkBackup(deps, path));
const [restored, restoreSeconds] = await seconds(() => restoreBackup(deps, { file: path, isReplacing: true }));
const [report, doctorSeconds] = await seconds(() => examine({ ...deps, limits: { retentionMs: 604_800_000 } }));
if (engineUnderTest === 'server') {
  const admin = { ...bare.config, directUrl: process.env['TEST_DATABASE_URL'] };
  await withRaw(admin, (client) => client.query(`DROP DATABASE "${restored.setAside}"`));
}
const megabytes = (bytes: number): number => bytes / 1e6;
const { length } = await readBackups(`${bare.config.dataDir}/backups`);
console.log(
  [
    row(
      'engine',
      'prompts',
      'database MB',
      'backup MB',
      'backup, full s',
      'counts s',
      'check s',
      'restore s',
      'doctor s',
    ),
    row(...Array.from({ length: 9 }, () => '---')),
    row(
      engineUnderTest,
      prompts,
      megabytes(report.sizeBytes),
      megabytes((await stat(path)).size),
      fullSeconds,
      countsSeconds,
      checkSeconds,
      restoreSeconds,
      doctorSeconds,
    ),
  ].join('\n'),
);
console.log(
  `load ${before} to ${load()}; ${length} backups; findings: ${report.findings.map(({ check }) => check).join(', ') || 'none'}; peak RSS ${(process.resourceUsage().maxRSS / 1_024).toFixed(0)} MB`,
);
