import type { Database, Tx } from '../db/database.js';
import type { Embedder } from './embedder.js';

/** The channel on which every process is told which vectors to forget; the payload is `<scope>` or `<scope>:<text hash>`. */
const forgetChannel = 'promptwell_forget';

/**
 * Makes the embedders of every process forget, when this transaction commits, one text of a scope or all of them.
 *
 * Shape: `textHash` is SHA-256 in hex, as stored beside each text. Cost: one statement; equal ones of a transaction merge.
 */
export async function announceForgotten(tx: Tx, scope: string, textHash?: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${forgetChannel}, ${textHash === undefined ? scope : `${scope}:${textHash}`})`;
}

/** Lets an embedder forget what is announced anywhere; all of it after a time of deafness. Answers what stops that. */
export function heedForgotten(
  db: Pick<Database, 'listen'>,
  embedder: Pick<Embedder, 'forget'>,
): Promise<() => Promise<void>> {
  return db.listen(forgetChannel, (payload) => {
    const [scope = '', textHash] = payload.split(':');
    if (scope === '') embedder.forget();
    else if (textHash === undefined) embedder.forget({ scope });
    else embedder.forget({ scope, textHash });
  });
}
