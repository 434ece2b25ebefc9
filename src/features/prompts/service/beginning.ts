import type { ProjectAccess } from '../../../kernel/access.js';
import type { EmbeddedText } from '../../../platform/embedding/embedder.js';
import type { ServingSpace } from '../../../platform/embedding/spaces.js';
import type { ChosenModel } from '../../../platform/llm/choose.js';
import type { LlmRequest } from '../../../platform/llm/provider.js';
import type { PromptView } from '../schema.js';
import type { Inserted, Insertion } from '../store/insertion.js';
import type { NewPrompt } from '../store/writes.js';
import { type PromptRow, promptView } from '../view.js';

/** What is stored when a prompt begins; `asked` is null when no model is. */
export interface Beginning {
  space: ServingSpace;
  prompt: NewPrompt;
  vector: EmbeddedText | null;
  asked: { chosen: ChosenModel; request: LlmRequest } | null;
}

/** The row as it is about to be stored; its times are the database's to say. */
function firstRow(access: ProjectAccess, { space, prompt, vector, asked }: Beginning): PromptRow {
  const embedding =
    vector === null
      ? { space: null, dimensions: null, isTruncated: null }
      : { space: space.name, dimensions: space.dimensions, isTruncated: vector.isTruncated };
  return {
    ...prompt,
    ...embedding,
    projectId: access.projectId,
    status: asked === null ? 'completed' : 'pending',
    response: null,
    responses: 0,
    createdAt: notYet,
    updatedAt: notYet,
  };
}

const notYet = new Date(0);

/** What is stored when a prompt begins, and what it looks like once the database has said when. */
export function firstInsertion(
  access: ProjectAccess,
  beginning: Beginning,
): { insertion: Insertion; viewOf: (inserted: Inserted) => PromptView } {
  const { prompt, vector, asked } = beginning;
  const row = firstRow(access, beginning);
  const kinds = asked === null ? ['prompt.created', 'prompt.completed'] : ['prompt.created'];
  return {
    insertion: {
      prompt,
      status: asked === null ? 'completed' : 'pending',
      createdAt: null,
      vector,
      responses: [],
      kinds: prompt.isPushed ? kinds : [],
      view: promptView(row),
    },
    viewOf: ({ createdAt }) => promptView({ ...row, createdAt, updatedAt: createdAt }),
  };
}
