import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../../src/platform/db/database.js';

/**
 * Which of the texts some file of the database's tables, indexes, TOAST or catalogues holds, as `name in relation`.
 *
 * The server reads its own files for us (the tests' role is a superuser there, as it is in PGlite), so it does not matter
 * whose they are. Compressed text is not seen: look for random hex.
 */
export async function textsInTableFiles(db: Database, texts: Record<string, string>): Promise<string[]> {
  const files = await db.read<{ path: string }>(
    `SELECT folder || '/' || file AS path
     FROM (SELECT 'base/' || oid AS folder FROM pg_database WHERE datname = current_database()) AS own, pg_ls_dir(folder) AS file`,
    [],
  );
  const found = new Set<string>();
  for (const { path } of files)
    for (const [name, text] of Object.entries(texts)) {
      const [hit] = await db.read<{ relation: string }>(
        `SELECT COALESCE((SELECT relname::text FROM pg_class WHERE pg_relation_filepath(oid) = $1), $1) AS relation
         WHERE position(convert_to($2, 'UTF8') IN pg_read_binary_file($1, 0, 1000000000, true)) > 0`,
        [path, text],
      );
      if (hit !== undefined) found.add(`${name} in ${hit.relation}`);
    }
  return [...found].sort();
}

/** Which of the texts some file of the embedded engine's closed data folder holds; WAL and backups left out. */
export async function textsInFolder(folder: string, texts: Record<string, string>): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const bytes = await readFile(join(entry.parentPath, entry.name));
    for (const [name, text] of Object.entries(texts)) if (bytes.includes(text)) found.push(`${name} in ${entry.name}`);
  }
  return found;
}
