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

/** Replaces what every kept event says of a prompt: what is deleted is gone from replay too. */
export async function redactEvents(
  tx: Tx,
  prompt: { projectId: string; promptId: string; view: object },
): Promise<void> {
  await tx.$executeRaw`
    UPDATE event SET view = ${JSON.stringify(prompt.view)}::json
    WHERE project_id = ${prompt.projectId}::uuid AND prompt_id = ${prompt.promptId}::uuid`;
}
