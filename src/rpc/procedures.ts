import { type Principal, type ProjectAccess, refusalOf, type Scope } from '../kernel/access.js';
import { Fault, notFound } from '../kernel/fault.js';
import { errorShape } from './faults.js';
import { refuseUnstorable } from './hygiene.js';
import { t } from './init.js';

/** Makes a router of procedures. */
export const router = t.router;

/** Joins routers whose procedures stand under one name. */
export const mergeRouters = t.mergeRouters;

/** Said before anything was done, so that any call may be repeated: our client does. */
const closing = (): Fault =>
  new Fault('overloaded', 'This process is closing: call again.', { state: 'closing', retryAfterMs: 1_000 });

const measured = t.procedure
  .use(async ({ ctx, path, next }) => {
    const startedMs = ctx.monotonicMs();
    const result = await next();
    const code = result.ok ? 'OK' : errorShape(result.error, path, null).data.code;
    ctx.onCall({ path, code, durationMs: ctx.monotonicMs() - startedMs });
    return result;
  })
  .use(async ({ ctx, next }) => {
    const leave = ctx.enter();
    if (leave === null) throw closing();
    try {
      return await next();
    } finally {
      leave();
    }
  });

const clean = t.middleware(async ({ getRawInput, path, next }) => {
  refuseUnstorable(await getRawInput(), path === 'prompts.import' ? 'import' : 'other');
  return next();
});

const identified = t.middleware(async ({ ctx, type, next }) => {
  const principal = await ctx.identify();
  if (principal === null)
    throw new Fault('unauthenticated', 'Sign in first: no credential was sent.', { reason: 'missing' });
  const go = () => next({ ctx: { ...ctx, principal } });
  return type === 'query' ? ctx.inTurn(principal.userId, go) : go();
});

/** A procedure for anyone. */
export const publicProcedure = measured.meta({ access: 'public' }).use(clean);

/** A procedure for any valid credential; `ctx.principal` is who bears it. */
export const userProcedure = measured.meta({ access: 'user' }).use(identified).use(clean);

const inPerson = measured.use(identified).use(async ({ ctx, next }) => {
  if (ctx.principal.kind !== 'session')
    throw new Fault('forbidden', 'API keys may not do this: sign in as a person.', { scope: 'session' });
  return next();
});

/** A procedure for a person's session: an API key is refused with `forbidden`. */
export const sessionProcedure = inPerson.meta({ access: 'session' }).use(clean);

/** A procedure on the whole installation, for a session of one of its administrators; others meet `forbidden`. */
export const administratorProcedure = inPerson
  .meta({ access: 'administrator' })
  .use(async ({ ctx, next }) => {
    if (!ctx.principal.isAdministrator)
      throw new Fault('forbidden', 'This needs an administrator of the installation.', { scope: 'administrator' });
    return next();
  })
  .use(clean);

/**
 * A procedure inside one project: the input's `projectId`, else the caller's own. `ctx.access` bears the leave.
 *
 * `alsoNeeds`: a further scope, for what answers with more than it was given.
 * Faults: `notFound` for a project the caller is no member of, `forbidden` with the scope when the role or key lacks it.
 * Both are decided before the input is validated, so that a stranger learns nothing from error messages.
 */
export const projectProcedure = (scope: Scope, alsoNeeds?: Scope) =>
  measured
    .meta({ access: scope, ...(alsoNeeds === undefined ? {} : { alsoNeeds }) })
    .use(identified)
    .use(clean)
    .use(async ({ ctx, getRawInput, next }) => {
      const requested = requestedProject(await getRawInput());
      const access = accessTo(ctx.principal, requested, scope);
      if (alsoNeeds !== undefined) accessTo(ctx.principal, requested, alsoNeeds);
      return next({ ctx: { ...ctx, access } });
    });

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The project the input names; what is no id at all is left to the schema, which names the field. */
function requestedProject(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null || !('projectId' in input)) return undefined;
  return typeof input.projectId === 'string' && uuid.test(input.projectId) ? input.projectId.toLowerCase() : undefined;
}

function accessTo(principal: Principal, requested: string | undefined, scope: Scope): ProjectAccess {
  const projectId = requested ?? principal.defaultProjectId;
  const role = principal.roles.get(projectId);
  const refusal = refusalOf(principal, role, scope);
  if (role === undefined || refusal !== null) throw refusal ?? notFound('project');
  return { projectId, userId: principal.userId, role, scope, principal };
}
