import { tracked } from '@trpc/server';
import { projectProcedure, router } from '../../rpc/procedures.js';
import { subscription } from '../../rpc/subscription.js';
import { ImportPromptsInput } from './import-schema.js';
import {
  CreatePromptInput,
  ListPromptsInput,
  ListResponsesInput,
  PromptIdInput,
  RegeneratePromptInput,
  SimilarPromptsInput,
  StreamPromptInput,
  UpdatePromptInput,
} from './schema.js';
import type { PromptService } from './service/prompts.js';

const reading = projectProcedure('prompts:read');
const writing = projectProcedure('prompts:write');
/** Changes what is there and answers with it: a key that may only write learns nothing by it. */
const changing = projectProcedure('prompts:write', 'prompts:read');

/** Procedures on prompts and their responses. */
export const createPromptRouter = (prompts: PromptService) =>
  router({
    create: writing.input(CreatePromptInput).mutation(({ ctx, input }) => prompts.create(ctx.access, input)),
    stream: writing
      .meta({ access: 'prompts:write', isWebSocketOnly: true })
      .input(StreamPromptInput)
      .subscription(({ ctx, input, signal }) => {
        const isConnected = (): boolean => ctx.connection.isOpen();
        return subscription(
          { ctx, signal },
          (ending) => prompts.stream(ctx.access, input, { signal: ending, isConnected }),
          ({ id, event }) => tracked(id, event),
        );
      }),
    import: writing.input(ImportPromptsInput).mutation(({ ctx, input }) => prompts.import(ctx.access, input)),
    get: reading.input(PromptIdInput).query(({ ctx, input }) => prompts.get(ctx.access, input.id)),
    responses: reading.input(ListResponsesInput).query(({ ctx, input }) => prompts.responses(ctx.access, input)),
    list: reading.input(ListPromptsInput.prefault({})).query(({ ctx, input }) => prompts.list(ctx.access, input)),
    similar: reading.input(SimilarPromptsInput).query(({ ctx, input }) => prompts.similar(ctx.access, input)),
    update: changing.input(UpdatePromptInput).mutation(({ ctx, input }) => prompts.update(ctx.access, input)),
    regenerate: changing
      .input(RegeneratePromptInput)
      .mutation(({ ctx, input: { projectId: _projectId, ...again } }) => prompts.regenerate(ctx.access, again)),
    delete: writing.input(PromptIdInput).mutation(({ ctx, input }) => prompts.delete(ctx.access, input.id)),
  });
