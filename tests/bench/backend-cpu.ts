import { readFileSync } from 'node:fs';
import type { Database } from '../../src/platform/db/database.js';

/** Microseconds in a kernel clock tick of /proc. Source: proc(5); 100 ticks a second on every Linux that Node runs on. */
const tickUs = 10_000;

/** What each session had used when it was last seen: one that ended meanwhile takes nothing back. */
const seen = new Map<number, number>();

/** CPU time of the database's sessions so far, microseconds: zero where they are not processes of this machine. */
export async function backendCpuUs(db: Database): Promise<number> {
  if (db.engine === 'embedded') return 0;
  const { rows } = await db.pool.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'`,
  );
  for (const { pid } of rows) seen.set(pid, ticksOf(pid) ?? seen.get(pid) ?? 0);
  return [...seen.values()].reduce((sum, ticks) => sum + ticks, 0) * tickUs;
}

function ticksOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return undefined;
  }
}
