import { tracked } from '@trpc/server';
import { projectProcedure, router } from '../../rpc/procedures.js';
import { subscription } from '../../rpc/subscription.js';
import { FollowInput } from './schema.js';
import type { FeedService } from './service.js';

/** Procedures of the live feed. */
export const createFeedRouter = (feed: FeedService) =>
  router({
    follow: projectProcedure('feed:read')
      .input(FollowInput.prefault({}))
      .subscription(async function* ({ ctx, input, signal }) {
        const items = subscription({ ctx, signal }, (ending) => feed.follow(ctx.access, input, ending));
        for await (const { id, event } of items) yield tracked(id, event);
      }),
  });
