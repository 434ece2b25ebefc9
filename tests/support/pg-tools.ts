import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where `shared/bin/postgres` unpacks a whole Debian, PostgreSQL 17 in it. */
const debian =
  process.env['PG_ROOT'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'postgres-17-pgvector');

/** Programs of that Debian want its own libraries: its own loader finds them. */
const wrapper = (program: string): string =>
  `#!/bin/sh\nexec ${debian}/lib64/ld-linux-x86-64.so.2 --library-path ${debian}/lib/x86_64-linux-gnu:${debian}/usr/lib/x86_64-linux-gnu ${debian}/usr/lib/postgresql/17/bin/${program} "$@"\n`;

/** A pg_dump that is not older than the test server: PG_DUMP, else that of the server's own packages, else whatever PATH has. */
export const pgDump: string = process.env['PG_DUMP'] ?? (existsSync(join(debian, 'usr')) ? wrapped() : 'pg_dump');

function wrapped(): string {
  const folder = join(tmpdir(), 'promptwell-test-tools');
  mkdirSync(folder, { recursive: true });
  for (const program of ['pg_dump', 'pg_restore']) {
    // Beside its place and renamed: test files that do this at once replace each other's equal one.
    const draft = join(folder, `${program}.${process.pid}`);
    writeFileSync(draft, wrapper(program), { mode: 0o755 });
    renameSync(draft, join(folder, program));
  }
  return join(folder, 'pg_dump');
}
