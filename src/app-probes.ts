import type { ComposedSpaces } from './app-spaces.js';
import type { SystemInfo } from './features/system/router.js';
import type { Lifecycle } from './kernel/lifecycle.js';
import type { Database } from './platform/db/database.js';

/** What readiness is made of. */
export interface Readiness {
  db: Database;
  spaces: ComposedSpaces;
  lifecycle: Lifecycle;
}

/** Each part that must work for the service to be ready, with a word on its state; a fetch under way is told, not waited for. */
export async function readiness({ db, spaces: { directory, fetchState }, lifecycle }: Readiness) {
  const database = await db.check().then(
    () => 'ok',
    () => 'away',
  );
  const { name, embedder } = directory.active();
  const { isReady } = embedder.state();
  const fetch = fetchState();
  const checks = {
    database,
    embedder: isReady ? `ok: ${name}` : `loading: ${name}`,
    ...(fetch === null ? {} : { model: `${isReady ? name : 'nothing'} serves; ${fetch.message}` }),
    draining: String(lifecycle.isClosing),
  };
  return { isReady: database === 'ok' && isReady && !lifecycle.isClosing, checks };
}

/** What `system.info` says of the space that serves. */
export function embeddingInfo({ directory, fetchState }: ComposedSpaces): SystemInfo['embedding'] {
  const { name, dimensions, embedder } = directory.active();
  return { space: name, dimensions, isReady: embedder.state().isReady, fetch: fetchState() };
}
