import { notFound } from '../../../kernel/fault.js';
import type { Database } from '../../../platform/db/database.js';
import type { PromptView, ResponseView } from '../schema.js';
import { PromptReads } from '../store/reads.js';
import { type PromptRow, promptView, responseView } from '../view.js';

/** A prompt as it leaves the house: all that was said, nothing that is computed from it. */
export interface ExportedPrompt extends Omit<PromptView, 'response' | 'responses' | 'embedding'> {
  /** The model that answered last, or that was asked for; null when none was named. */
  model: string | null;
  parameters: object;
  /** All of them, newest first. */
  responses: ResponseView[];
}

/** A project on its way out. */
export interface ProjectExport {
  /** How many prompts there were at the beginning. */
  total: number;
  /** Newest first; prompts created meanwhile are not among them. */
  prompts: AsyncGenerator<ExportedPrompt, void, undefined>;
}

/** Prompts read at once: at the longest text, 10 MB. */
const pageSize = 100;

/** Vectors are computed from the texts and do not leave the house: no space has this id. */
const noSpace = { spaceId: 0, dimensions: 0 };

/**
 * All prompts of a project with all their responses.
 *
 * Cost: keyset pages, so that memory holds one page and one prompt's responses however large the project is.
 * Faults: `notFound`.
 */
export async function exportProject(db: Database, projectId: string): Promise<ProjectExport> {
  if ((await db.prisma.project.findUnique({ where: { id: projectId }, select: { id: true } })) === null)
    throw notFound('project');
  const total = await db.prisma.prompt.count({ where: { projectId } });
  return { total, prompts: allPrompts(new PromptReads(db, { projectId, ...noSpace })) };
}

async function* allPrompts(reads: PromptReads): AsyncGenerator<ExportedPrompt, void, undefined> {
  let before: string | null = null;
  for (;;) {
    const page: PromptRow[] = await reads.list({ filter: {}, before, limit: pageSize });
    for (const row of page) yield exported(row, await allResponses(reads, row));
    before = page.at(-1)?.id ?? null;
    if (before === null) return;
  }
}

async function allResponses(reads: PromptReads, row: PromptRow): Promise<ResponseView[]> {
  // Most prompts have one answer, which came with the page.
  if (row.responses <= 1) return row.response === null ? [] : [responseView(row.response)];
  const views: ResponseView[] = [];
  for (;;) {
    const batch = await reads.responses(row.id, { before: views.at(-1)?.id ?? null, limit: pageSize });
    if (batch.length === 0) return views;
    views.push(...batch.map(responseView));
  }
}

function exported(row: PromptRow, responses: ResponseView[]): ExportedPrompt {
  const { response: _newest, responses: _count, embedding: _vector, ...view } = promptView(row);
  return { ...view, model: row.model, parameters: row.parameters, responses };
}
