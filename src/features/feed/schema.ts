import { z } from 'zod';
import { eventKinds } from '../../platform/events/catalogue.js';
import { PromptFilter, type PromptView } from '../prompts/schema.js';

/** Input of `feed.follow`; `lastEventId` is set by the client when it resumes. */
export const FollowInput = z.strictObject({
  projectId: z
    .uuid('must be a UUID')
    .transform((text) => text.toLowerCase())
    .exactOptional(),
  lastEventId: z.string().min(1).max(256).nullish(),
  kinds: z.array(z.enum(eventKinds)).min(1).max(eventKinds.length).exactOptional(),
  filter: PromptFilter.default({}),
});
export type FollowInput = z.infer<typeof FollowInput>;

/** What `feed.follow` yields: first that it listens, then each event of the project with the prompt as it was then. */
export type FeedEvent = { kind: 'ready' } | { kind: (typeof eventKinds)[number]; prompt: PromptView };
