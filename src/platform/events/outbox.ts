import type { Tx } from '../db/database.js';
import { type EventKind, eventChannel } from './catalogue.js';

/** A fact about to be committed. */
export interface NewEvent {
  projectId: string;
  kind: EventKind;
  promptId: string;
  view: object;
}

/**
 * Adds events to the outbox and wakes their readers at commit, both in the caller's transaction.
 *
 * Shape: kept in the order given. Cost: one statement; NOTIFY merges equal payloads of one transaction.
 */
export async function appendEvents(tx: Tx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = JSON.stringify(
    events.map(({ projectId, kind, promptId, view }) => ({ project_id: projectId, kind, prompt_id: promptId, view })),
  );
  await tx.$queryRaw`
    WITH added AS (
      INSERT INTO event (project_id, kind, prompt_id, view)
      SELECT project_id, kind, prompt_id, view
      FROM json_to_recordset(${rows}::json) AS row(project_id uuid, kind text, prompt_id uuid, view json)
      RETURNING id)
    SELECT pg_notify(${eventChannel}, '')::text FROM (SELECT count(*) FROM added) AS one`;
}

/**
 * Replaces what every kept event says of some prompts: what is deleted is gone from replay too.
 *
 * Cost: one statement, on the index of prompts. The prompts' rows are to be locked before: what a rival has appended by
 * then is seen.
 */
export async function redactEvents(
  tx: Tx,
  prompts: readonly { projectId: string; promptId: string; view: object }[],
): Promise<void> {
  const rows = JSON.stringify(
    prompts.map(({ projectId, promptId, view }) => ({ project_id: projectId, prompt_id: promptId, view })),
  );
  await tx.$executeRaw`
    UPDATE event e SET view = r.view
    FROM json_to_recordset(${rows}::json) AS r(project_id uuid, prompt_id uuid, view json)
    WHERE e.project_id = r.project_id AND e.prompt_id = r.prompt_id`;
}

/** Takes responses out of every kept event that shows them; the prompts stay as they were. */
export async function redactResponses(
  tx: Tx,
  responses: { projectId: string; promptIds: readonly string[]; responseIds: readonly string[] },
): Promise<void> {
  await tx.$executeRaw`
    UPDATE event SET view = (view::jsonb || '{"response": null}'::jsonb)::json
    WHERE project_id = ${responses.projectId}::uuid AND prompt_id = ANY(${[...responses.promptIds]}::uuid[])
      AND view -> 'response' ->> 'id' = ANY(${[...responses.responseIds]}::text[])`;
}
