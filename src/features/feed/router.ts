import { tracked } from '@trpc/server';
import { projectProcedure, router } from '../../rpc/procedures.js';
import { Opening } from '../../rpc/pushing.js';
import { subscription } from '../../rpc/subscription.js';
import { FollowInput } from './schema.js';
import type { FeedItem, FeedService } from './service.js';

/** Procedures of the live feed. */
export const createFeedRouter = (feed: FeedService) =>
  router({
    follow: projectProcedure('feed:read')
      .input(FollowInput.prefault({}))
      .subscription(({ ctx, input, signal }) => {
        const opening = new Opening();
        const push = (item: FeedItem): boolean => opening.push(item);
        return subscription(
          { ctx, signal },
          (ending) => feed.follow(ctx.access, input, { signal: ending, push }),
          ({ id, data }) => tracked(id, data.kind === 'ready' ? opening.mark(data) : data),
        );
      }),
  });
