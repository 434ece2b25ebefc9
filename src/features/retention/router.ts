import { projectProcedure, router } from '../../rpc/procedures.js';
import {
  AppliedView,
  PreviewRetentionInput,
  PreviewView,
  RetentionInput,
  RetentionView,
  SetRetentionInput,
  SetView,
} from './schema.js';
import type { RetentionService } from './service/retention.js';

const managing = projectProcedure('retention:manage');

/** Procedures on how long a project keeps what. */
export const createRetentionRouter = (retention: RetentionService) =>
  router({
    get: managing
      .input(RetentionInput.prefault({}))
      .output(RetentionView)
      .query(({ ctx }) => retention.get(ctx.access)),
    preview: managing
      .input(PreviewRetentionInput.prefault({}))
      .output(PreviewView)
      .query(({ ctx, input }) => retention.preview(ctx.access, input)),
    set: managing
      .input(SetRetentionInput)
      .output(SetView)
      .mutation(({ ctx, input }) => retention.set(ctx.access, input)),
    // tRPC keeps `apply` for itself.
    applyNow: managing
      .input(RetentionInput.prefault({}))
      .output(AppliedView)
      .mutation(({ ctx }) => retention.apply(ctx.access)),
  });
