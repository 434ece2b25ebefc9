import { initTRPC } from '@trpc/server';
import type { Scope } from '../kernel/access.js';
import type { Context } from './context.js';
import { errorShape } from './faults.js';

/** What the auth matrix and the README's table say of a procedure. */
export interface ProcedureMeta {
  /**
   * `public`: anyone; `user`: any credential; `session`: a person's session only; `administrator`: the session of one who
   * runs the installation; else the scope asked for in a project.
   */
  access: 'public' | 'user' | 'session' | 'administrator' | Scope;
  /** What the caller needs besides: the answer shows what was there before. */
  alsoNeeds?: Scope;
  /** True for subscriptions that HTTP must not start: a re-sent GET would run them again. */
  isWebSocketOnly?: true;
}

/** tRPC as this house uses it: plain JSON, errors shaped in one place, stacks never sent. */
export const t = initTRPC
  .context<Context>()
  .meta<ProcedureMeta>()
  .create({
    isDev: false,
    errorFormatter: ({ error, path, ctx }) => errorShape(error, path, ctx?.requestId ?? null),
    // Proxies cut idle connections after 60 to 100 s; the client reconnects after three missed pings.
    sse: { ping: { enabled: true, intervalMs: 15_000 }, client: { reconnectAfterInactivityMs: 45_000 } },
  });
