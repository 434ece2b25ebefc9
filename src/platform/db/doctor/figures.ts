import type { Check } from './check.js';

/** Figures and states that no call could have written. */
export const figureChecks: readonly Check[] = [
  {
    name: 'response-figures',
    severity: 'problem',
    what: 'responses with a negative figure, or without a duration',
    why: 'Sums and averages of time, tokens and cost are wrong by them.',
    advice: 'Set the figure to NULL (latency_ms to 0) where the truth is unknown, and find out what wrote it.',
    sql: `SELECT id FROM response WHERE latency_ms IS NULL OR latency_ms < 0 OR time_to_first_token_ms < 0
      OR input_tokens < 0 OR output_tokens < 0 OR total_tokens < 0 OR cached_input_tokens < 0 OR cost_usd < 0`,
  },
  {
    name: 'prompt-outcome',
    severity: 'problem',
    what: 'prompts whose outcome is unknown (null)',
    why: 'They count neither as completed nor as failed, so that rates of success are wrong.',
    advice: "Set status to 'completed' where there is a response without an error, else to 'failed'.",
    sql: 'SELECT id FROM prompt WHERE status IS NULL',
  },
  {
    name: 'outcome-without-response',
    severity: 'problem',
    what: 'prompts that failed or were cancelled, without the response row that says why',
    why: 'Every end writes one; without it the reason is lost and a repeated key cannot be answered alike.',
    advice: 'Restore the rows of response from a backup.',
    sql: `SELECT p.id FROM prompt AS p WHERE p.status IN ('failed', 'cancelled')
      AND NOT EXISTS (SELECT FROM response AS r WHERE r.project_id = p.project_id AND r.prompt_id = p.id)`,
  },
  {
    name: 'text-hash',
    severity: 'problem',
    what: 'prompts whose text is not the one its hash was made of',
    why: 'The text was changed past the service, or damaged; its vector is of another text.',
    advice: 'Compare with a backup; save the text again through prompts.update.',
    sql: "SELECT id FROM prompt WHERE text_hash IS DISTINCT FROM encode(sha256(convert_to(text, 'UTF8')), 'hex')",
  },
  {
    name: 'spend',
    severity: 'problem',
    what: 'days of spend that are negative or null',
    why: 'A spend cap would let too much through.',
    advice: 'Set usd to what responses of that day cost.',
    sql: "SELECT concat_ws(' ', scope, day) AS id FROM spend WHERE usd IS NULL OR usd < 0",
  },
  {
    name: 'duplicate-idempotency',
    severity: 'problem',
    what: 'idempotency keys that name more than one prompt',
    why: 'A repeated call is answered with one of them by chance, and the unique index is damaged or gone.',
    advice: 'Keep the older prompt, clear the key of the others, then: REINDEX TABLE prompt',
    sql: `SELECT concat_ws(' ', project_id, user_id, idempotency_key) AS id FROM prompt WHERE idempotency_key IS NOT NULL
      GROUP BY project_id, user_id, idempotency_key HAVING count(*) > 1`,
  },
  {
    name: 'duplicate-usernames',
    severity: 'problem',
    what: 'usernames that more than one account has',
    why: 'Who signs in is a matter of chance, and the unique index is damaged or gone.',
    advice: 'Rename all but one account, then: REINDEX TABLE app_user',
    sql: 'SELECT username_key AS id FROM app_user GROUP BY username_key HAVING count(*) > 1',
  },
  {
    name: 'projects-without-owner',
    severity: 'problem',
    what: 'projects that have no owner',
    why: 'Nobody can manage their members and keys any more.',
    advice: "Make a member the owner: UPDATE membership SET role = 'owner' WHERE project_id = ... AND user_id = ...",
    sql: `SELECT p.id FROM project AS p
      WHERE NOT EXISTS (SELECT FROM membership AS m WHERE m.project_id = p.id AND m.role = 'owner')`,
  },
  {
    name: 'no-administrator',
    severity: 'problem',
    what: 'account that should be made an administrator, for there is none that may sign in',
    why: 'Nobody can move the installation to another embedding space, or see to its other accounts.',
    advice: 'promptwell user administrator <username>',
    // The oldest account is the one that a new installation would have made its administrator.
    sql: `SELECT u.username AS id FROM app_user AS u WHERE u.disabled_at IS NULL
      AND NOT EXISTS (SELECT FROM app_user AS a WHERE a.is_administrator AND a.disabled_at IS NULL)
      ORDER BY u.created_at, u.id LIMIT 1`,
  },
];
