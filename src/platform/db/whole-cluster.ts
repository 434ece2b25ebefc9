import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { measure } from './contents.js';
import { markSql } from './embedded-backups.js';
import type { DataFolder } from './folder.js';
import type { OpenMark } from './open-mark.js';
import { isPageWhole, pageBytes } from './page-checksum.js';
import { FolderError, type PgliteThread } from './pglite.js';
import { withSession } from './session.js';
import { messageOf } from './start-error.js';

/** Files of tables and indexes: `16384`, `16384_fsm`, `16384.1`. Source: PostgreSQL, "Database File Layout". */
const relationFile = /^\d+(_fsm|_vm|_init)?(\.\d+)?$/;

/** Source: PostgreSQL's RELSEG_SIZE: a file holds 1 GB of pages, the next goes on. */
const pagesPerFile = 131_072;

/** A cluster that opens, whole as far as can be told, and knows less than it did. */
export class OldFolderError extends FolderError {}

/**
 * Resolves when an open cluster knows what it knew at `mark`, every row can be read, and every page fits its checksum.
 *
 * Cost: all of it is read twice: about 0.2 s for an empty one.
 * Faults: `OldFolderError` when transactions are missing; `FolderError` for a page or a row that is damaged.
 */
export async function requireWhole(thread: PgliteThread, folder: DataFolder, mark: OpenMark): Promise<void> {
  try {
    await withSession(thread, async (client) => {
      const next = (await client.query<{ mark: string }>(markSql)).rows[0]?.mark ?? '0';
      if (BigInt(next) < BigInt(mark.next))
        throw new OldFolderError(`it lacks transactions that were committed before ${mark.at}`);
      await measure(client, 'full');
      // Every page is in its file then, and nothing writes until this is done.
      await client.query('CHECKPOINT');
      await requireWholePages(folder.cluster);
    });
  } catch (cause) {
    if (cause instanceof FolderError) throw cause;
    throw new FolderError(messageOf(cause), { cause });
  }
}

/** Faults: `FolderError` naming the first page of a cluster's files that does not fit its checksum. */
export async function requireWholePages(cluster: string): Promise<void> {
  const databases = await readdir(join(cluster, 'base'));
  for (const place of ['global', ...databases.map((name) => join('base', name))]) {
    for (const name of await readdir(join(cluster, place))) {
      if (relationFile.test(name)) await requireWholeFile(cluster, join(place, name));
    }
  }
}

async function requireWholeFile(cluster: string, name: string): Promise<void> {
  const firstBlock = Number(name.split('.')[1] ?? 0) * pagesPerFile;
  const file = await open(join(cluster, name), 'r');
  try {
    const pages = Buffer.alloc(128 * pageBytes);
    for (let block = firstBlock; ; ) {
      const { bytesRead } = await file.read(pages, 0, pages.length, (block - firstBlock) * pageBytes);
      if (bytesRead === 0) return;
      for (let at = 0; at < bytesRead; at += pageBytes, block += 1) {
        const isWhole = at + pageBytes <= bytesRead && isPageWhole(pages.subarray(at, at + pageBytes), block);
        if (!isWhole) throw new FolderError(`page ${block} of ${name} is not what was written there`);
      }
    }
  } finally {
    await file.close();
  }
}
