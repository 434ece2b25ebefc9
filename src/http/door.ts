import type { AnyTRPCRouter } from '@trpc/server';
import type { Config } from '../config.js';
import type { ContextDeps, Contexts } from './context.js';
import type { OpenCalls } from './open-calls.js';
import type { ProbeDeps } from './probes.js';

/** What the door is given. */
export interface HttpDeps extends ContextDeps, ProbeDeps {
  config: Config['http'];
  metricsToken: string | undefined;
  router: AnyTRPCRouter;
  onSockets(open: number): void;
  /** Told of each HTTP answer's status. */
  onHttpResponse(status: number): void;
}

/** What the parts of the door share. */
export interface Door extends HttpDeps {
  calls: OpenCalls;
  contexts: Contexts;
}
