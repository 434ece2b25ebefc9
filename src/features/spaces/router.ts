import { tracked } from '@trpc/server';
import { administratorProcedure, router } from '../../rpc/procedures.js';
import { subscription } from '../../rpc/subscription.js';
import { FollowSpacesInput, SpaceInput } from './schema.js';
import type { SpaceService } from './service/spaces.js';

/** Procedures on the spaces of the installation, for its administrators. */
export const createSpaceRouter = (spaces: SpaceService) =>
  router({
    list: administratorProcedure.query(() => spaces.list()),
    add: administratorProcedure.input(SpaceInput).mutation(({ ctx, input }) => spaces.add(input, ctx.principal)),
    compare: administratorProcedure.input(SpaceInput).query(({ ctx, input }) => spaces.compare(input, ctx.principal)),
    activate: administratorProcedure
      .input(SpaceInput)
      .mutation(({ ctx, input }) => spaces.activate(input, ctx.principal)),
    drop: administratorProcedure.input(SpaceInput).mutation(({ ctx, input }) => spaces.drop(input, ctx.principal)),
    follow: administratorProcedure.input(FollowSpacesInput.prefault({})).subscription(({ ctx, input, signal }) =>
      subscription(
        { ctx, signal },
        (ending) => spaces.follow(input, ending),
        ({ id, view }) => tracked(id, view),
      ),
    ),
  });
