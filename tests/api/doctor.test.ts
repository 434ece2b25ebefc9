import type pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import type { DoctorReport } from '../../src/platform/db/doctor/doctor.js';
import { measure } from '../../src/platform/db/contents.js';
import { type BareDatabase, bareDatabase, migratedDatabase } from '../support/bare-database.js';
import { engineUnderTest } from '../support/database.js';
import { type Ended, runProgram } from '../support/program.js';
import { withRaw } from '../support/raw.js';
import { writeRows } from '../support/upgrade/rows.js';

vi.setConfig({ testTimeout: 240_000 });

const promptwell = ({ env }: BareDatabase, ...args: string[]): Promise<Ended> => runProgram('cli.js', { args, env });
const prompt = (last: string): string => `01890000-0000-7000-8000-0000000000${last}`;

/** What each damage is found as, and the row that is named. Constraints stand in its way and are taken away first. */
const damages: { check: string; sql: string; row?: string }[] = [
  {
    check: 'orphans-of-response-project_id-prompt_id',
    sql: `ALTER TABLE response DROP CONSTRAINT response_project_id_prompt_id_fkey;
      INSERT INTO response (id, project_id, prompt_id, text, model, provider, latency_ms)
      VALUES ('${prompt('99')}', '${prompt('a1')}', '${prompt('98')}', '', 'm', 'p', 1)`,
    row: prompt('99'),
  },
  {
    check: 'orphans-of-membership-user_id',
    sql: `ALTER TABLE membership DROP CONSTRAINT membership_user_id_fkey;
      INSERT INTO membership (project_id, user_id, role) VALUES ('${prompt('a1')}', '${prompt('97')}', 'viewer')`,
    row: prompt('97'),
  },
  {
    check: 'response-figures',
    sql: `ALTER TABLE response DROP CONSTRAINT response_figures_check;
      UPDATE response SET latency_ms = -5, input_tokens = -1 WHERE id = '${prompt('f1')}'`,
    row: prompt('f1'),
  },
  {
    check: 'prompt-outcome',
    sql: `ALTER TABLE prompt ALTER COLUMN status DROP NOT NULL;
      INSERT INTO prompt (id, project_id, user_id, text, text_hash) VALUES ('${prompt('90')}', '${prompt('a1')}',
        '${prompt('01')}', 'null', encode(sha256('null'), 'hex'))`,
    row: prompt('90'),
  },
  { check: 'outcome-without-response', sql: `DELETE FROM response WHERE id = '${prompt('f2')}'`, row: prompt('e2') },
  {
    check: 'text-hash',
    sql: `UPDATE prompt SET text = 'changed past the service' WHERE id = '${prompt('e1')}'`,
    row: prompt('e1'),
  },
  { check: 'spend', sql: 'UPDATE spend SET usd = -1' },
  {
    check: 'duplicate-idempotency',
    sql: `DROP INDEX prompt_project_id_user_id_idempotency_key_key;
      UPDATE prompt SET idempotency_key = 'fixture-key'`,
  },
  { check: 'projects-without-owner', sql: "UPDATE membership SET role = 'viewer'", row: prompt('a1') },
  { check: 'no-administrator', sql: 'UPDATE app_user SET is_administrator = false' },
  {
    check: 'vector-dimensions',
    sql: `DROP TRIGGER embedding_dimensions_match ON embedding;
      UPDATE embedding SET vector = '[1,0]' WHERE prompt_id = '${prompt('e1')}'`,
    row: `${prompt('e1')} in space 1`,
  },
  {
    check: 'vector-zero',
    sql: `UPDATE embedding SET vector = '[0,0,0]' WHERE prompt_id = '${prompt('e2')}'`,
    row: `${prompt('e2')} in space 1`,
  },
  {
    check: 'vector-of-former-text',
    sql: `UPDATE embedding SET text_hash = 'other' WHERE prompt_id = '${prompt('e2')}'`,
    row: `${prompt('e2')} in space 1`,
  },
  {
    check: 'prompts-without-vector',
    sql: `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status, updated_at) VALUES ('${prompt('92')}',
        '${prompt('a1')}', '${prompt('01')}', 'x', encode(sha256('x'), 'hex'), 'completed', now() - interval '1 hour')`,
    row: prompt('92'),
  },
  {
    check: 'pending-past-lease',
    sql: `INSERT INTO prompt (id, project_id, user_id, text, text_hash, status, lease_expires_at) VALUES ('${prompt('93')}',
      '${prompt('a1')}', '${prompt('01')}', 'x', encode(sha256('x'), 'hex'), 'pending', now() - interval '1 hour')`,
    row: prompt('93'),
  },
  {
    check: 'events-past-retention',
    sql: "UPDATE event SET created_at = now() - interval '90 days' WHERE id = 1",
    row: '1',
  },
  { check: 'events-from-the-future', sql: "UPDATE event SET xid = '999999999999' WHERE id = 2", row: '2' },
  { check: 'sequence-event_id_seq', sql: "SELECT setval('event_id_seq', 1)", row: '2' },
  {
    check: 'invalid-indexes',
    sql: "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'session_user_id_idx'::regclass",
    row: 'session_user_id_idx',
  },
  { check: 'guards-off', sql: 'SELECT 1', row: 'embedding_dimensions_match' },
  { check: 'migrations', sql: 'DELETE FROM _prisma_migrations' },
];

describe(`LM-5: promptwell doctor on the ${engineUnderTest} engine`, () => {
  test('counts no row and then some, knows every table, and finds nothing wrong with what the service wrote', async () => {
    await using bare = await bareDatabase();
    const absent = await promptwell(bare, 'doctor');
    // A server's database is there, only without a table.
    expect(absent.code).toBe(engineUnderTest === 'server' ? 1 : 2);
    await promptwell(bare, 'migrate');
    const empty = await promptwell(bare, 'doctor', '--json');
    expect(empty).toMatchObject({ code: 0, stderr: '' });
    const report = JSON.parse(empty.stdout) as DoctorReport;
    expect(report).toMatchObject({ engine: engineUnderTest, findings: [], skipped: [], spaces: [] });
    expect(report.tables.find(({ name }) => name === 'prompt')).toMatchObject({ rows: 0 });
    await withRaw(bare.config, async (client) => {
      await writeRows(client, '20261121000000_init');
      await client.query(`UPDATE app_user SET is_administrator = true WHERE id = '${prompt('01')}'`);
    });
    const before = await withRaw(bare.config, (client) => measure(client, 'full'));
    const filled = await promptwell(bare, 'doctor');
    expect(filled).toMatchObject({ code: 0, stderr: '' });
    expect(filled.stdout).toMatch(/^prompt +2 +\d/m);
    expect(filled.stdout).toMatch(/^fixture-3 +3 +2 +0$/m);
    expect(filled.stdout).toMatch(/^\d+ checks: no problem, 0 with notes\.$/m);
    expect(await withRaw(bare.config, (client) => measure(client, 'full'))).toEqual(before);
  });

  test('finds each kind of damage, names the rows, and says why it matters and what to do', async () => {
    await using bare = await migratedDatabase();
    await withRaw(bare.config, async (client: pg.ClientBase) => {
      await writeRows(client, '20261121000000_init');
      for (const { sql } of damages) await client.query(sql);
    });
    const ended = await promptwell(bare, 'doctor', '--json');
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    const { findings, skipped } = JSON.parse(ended.stdout) as DoctorReport;
    expect(skipped).toEqual([]);
    for (const { check, row } of damages) {
      const finding = findings.find((one) => one.check === check);
      expect(finding, check).toMatchObject({ severity: 'problem' });
      if (row !== undefined) expect(finding?.rows, check).toContain(row);
      expect([finding?.why, finding?.advice].join(''), check).toMatch(/.{20}/);
    }
    const words = await promptwell(bare, 'doctor');
    expect(words.code).toBe(1);
    expect(words.stdout).toMatch(/^problem: 1 responses with a negative figure.*\n {2}\S+f1\n {2}why: .*\n {2}do: /m);
  });

  test('names at most ten rows of a finding, and counts them all', async () => {
    await using bare = await migratedDatabase();
    await withRaw(bare.config, (client) =>
      client.query(
        "INSERT INTO spend (scope, day, usd) SELECT 's' || n, '2026-01-01', -1 FROM generate_series(1, 25) AS n",
      ),
    );
    const { findings } = JSON.parse((await promptwell(bare, 'doctor', '--json')).stdout) as DoctorReport;
    expect(findings.map(({ check, count, rows }) => [check, count, rows.length])).toEqual([['spend', 25, 10]]);
  });
});
