import { PromptReads } from '../../src/features/prompts/store/reads.js';
import { type Search, similarPrompts } from '../../src/features/prompts/store/search.js';
import { getPrompt, listPrompts, type Statement, type Tenant } from '../../src/features/prompts/store/statements.js';
import { systemClock } from '../../src/kernel/clock.js';
import { systemIds } from '../../src/kernel/ids.js';
import type { Database } from '../../src/platform/db/database.js';
import { activateFirst, ensureSpace } from '../../src/platform/db/space.js';
import { EventLog } from '../../src/platform/events/log.js';
import { createTestDatabase } from '../support/database.js';
import { lexicalVector, manyPrompts, storeMany } from '../support/large-project.js';
import { row } from './measure.js';
import { type Contender, type Figures, interleave, type Length } from './rounds.js';

const ids = systemIds(() => systemClock.nowMs());
const pageSize = 20;
const origin = { xid: 0n, id: 0n };

interface Bench {
  db: Database;
  tenant: Tenant;
  promptIds: readonly string[];
  search: Search;
}

/**
 * Reads as the service makes them against the same statement given to the same pool of `pg`, and against Prisma.
 *
 * `prompts`: how many the project has, each with an answer and an event.
 */
export async function benchDataLayer({ prompts, ...length }: Length & { prompts: number }): Promise<string[]> {
  await using test = await createTestDatabase();
  const bench = await stored(test.db, prompts);
  const rows = [
    row('read', 'way', 'p50 ms', 'of raw pg', 'client CPU microseconds', 'of raw pg'),
    row('---', '---', '---', '---', '---', '---'),
  ];
  for (const [name, contenders] of Object.entries(works(bench))) {
    const figures = await interleave(contenders, length);
    rows.push(...figures.map((figure) => figureRow(name, figure, figures[0])));
  }
  return rows;
}

const figureRow = (name: string, figure: Figures, raw: Figures = figure): string =>
  row(name, figure.name, figure.p50Ms, figure.p50Ms / raw.p50Ms, figure.cpuUs, figure.cpuUs / raw.cpuUs);

async function stored(db: Database, prompts: number): Promise<Bench> {
  const projectId = ids.uuid();
  const spaceId = await ensureSpace(db, { name: 'lexical-1', dimensions: 384 });
  await activateFirst(db, spaceId);
  await db.pool.query(`INSERT INTO project (id, name) VALUES ($1, 'bench')`, [projectId]);
  const texts = Array.from({ length: prompts }, (_, index) => manyPrompts(index));
  const promptIds = await storeMany(db, { projectId, texts });
  await db.pool.query(
    `INSERT INTO response (id, project_id, prompt_id, text, model, provider, latency_ms)
     SELECT gen_random_uuid(), project_id, id, 'an answer to ' || text, 'offline', 'offline', 1 FROM prompt`,
  );
  await db.pool.query(
    `INSERT INTO event (project_id, kind, prompt_id, view)
     SELECT project_id, 'prompt.created', id, json_build_object('id', id, 'text', text) FROM prompt`,
  );
  await db.pool.query('VACUUM ANALYZE');
  const vector = lexicalVector('how do I review a contract');
  const search = { vector, excludedId: null, filter: {}, limit: 5, maxDistance: 2.1 };
  return { db, tenant: { projectId, spaceId, dimensions: 384 }, promptIds, search };
}

function works({ db, tenant, promptIds, search }: Bench): Record<string, Contender[]> {
  const reads = new PromptReads(db, tenant);
  const events = new EventLog(db);
  const idAt = (index: number): string => promptIds[index % promptIds.length] ?? '';
  const raw = (statement: (index: number) => Pick<Statement, 'text' | 'values'>): Contender => ({
    name: 'raw pg',
    run: (index) => {
      const { text, values } = statement(index);
      return db.pool.query(text, values);
    },
  });
  const page = { filter: {}, before: null, limit: pageSize };
  const newest = { orderBy: { id: 'desc' }, take: 1 } as const;
  const withAnswer = {
    responses: newest,
    embeddings: { include: { space: true }, where: { spaceId: tenant.spaceId } },
  };
  const prisma = (run: (index: number) => Promise<unknown>): Contender => ({ name: 'Prisma', run });
  const ours = (run: (index: number) => Promise<unknown>): Contender => ({ name: 'ours', run });
  return {
    get: [
      raw((index) => getPrompt(tenant, idAt(index))),
      ours((index) => reads.get(idAt(index))),
      prisma((index) => db.prisma.prompt.findUnique({ where: { id: idAt(index) }, include: withAnswer })),
    ],
    [`list ${pageSize}`]: [
      raw(() => listPrompts(tenant, page)),
      ours(() => reads.list(page)),
      prisma(() =>
        db.prisma.prompt.findMany({
          where: { projectId: tenant.projectId },
          include: withAnswer,
          orderBy: { id: 'desc' },
          take: pageSize,
        }),
      ),
    ],
    [`similar among ${promptIds.length}`]: [
      raw(() => similarPrompts(tenant, search)),
      ours(() => reads.similar(search)),
    ],
    [`feed page of ${pageSize}`]: [
      raw(() => ({ text: feedSql, values: [[tenant.projectId], '0', '0', pageSize] })),
      ours(() => events.after(origin, [tenant.projectId], pageSize)),
    ],
  };
}

/** The page of the feed as `EventLog.after` asks for it. */
const feedSql = `SELECT xid::text AS xid, id::text AS id, project_id::text AS "projectId", kind, prompt_id::text AS "promptId", view
  FROM event WHERE project_id = ANY($1::uuid[]) AND (xid, id) > ($2::text::xid8, $3::bigint)
  AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY event.xid, event.id LIMIT $4`;
