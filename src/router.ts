import {
  type AccountServices,
  createApiKeyRouter,
  createAuditRouter,
  createAuthRouter,
  createErasureRouter,
  createProjectRouter,
} from './features/accounts/router.js';
import { createFeedRouter } from './features/feed/router.js';
import type { FeedService } from './features/feed/service.js';
import { createPromptRouter } from './features/prompts/router.js';
import type { PromptService } from './features/prompts/service/prompts.js';
import { createRetentionRouter } from './features/retention/router.js';
import type { RetentionService } from './features/retention/service/retention.js';
import { createSpaceRouter } from './features/spaces/router.js';
import type { SpaceService } from './features/spaces/service/spaces.js';
import { createSystemRouter, type SystemInfo } from './features/system/router.js';
import { mergeRouters, router } from './rpc/procedures.js';

/** The services behind the procedures. */
export interface AppServices {
  accounts: AccountServices;
  prompts: PromptService;
  feed: FeedService;
  retention: RetentionService;
  spaces: SpaceService;
  system: () => SystemInfo;
}

/** Every procedure of the service, under its room's name. */
export const createAppRouter = ({ accounts, prompts, feed, retention, spaces, system }: AppServices) =>
  router({
    auth: createAuthRouter(accounts),
    apiKeys: createApiKeyRouter(accounts.apiKeys),
    projects: mergeRouters(createProjectRouter(accounts), createErasureRouter(accounts.erasure)),
    audit: createAuditRouter(accounts.audit),
    prompts: createPromptRouter(prompts),
    feed: createFeedRouter(feed),
    retention: createRetentionRouter(retention),
    spaces: createSpaceRouter(spaces),
    system: createSystemRouter(system),
  });

/** The type that clients are made from. */
export type AppRouter = ReturnType<typeof createAppRouter>;
