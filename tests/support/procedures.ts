import type { z } from 'zod';
import { createAppRouter } from '../../src/router.js';
import type { ProcedureMeta } from '../../src/rpc/init.js';

/** A procedure as the router describes it. */
export interface DescribedProcedure {
  path: string;
  type: 'query' | 'mutation' | 'subscription';
  meta: ProcedureMeta;
  /** Its input, if it takes one. */
  schema: z.ZodType | undefined;
}

interface Definition {
  type: DescribedProcedure['type'];
  meta: ProcedureMeta;
  inputs?: z.ZodType[];
}

/** Every procedure of the service. A router only remembers its services: none is called while it is described. */
export function describedProcedures(): DescribedProcedure[] {
  const services: object = new Proxy({}, { get: () => services });
  const router = createAppRouter(services as never) as unknown as {
    _def: { procedures: Record<string, { _def: Definition }> };
  };
  return Object.entries(router._def.procedures).map(([path, { _def }]) => ({
    path,
    type: _def.type,
    meta: _def.meta,
    schema: _def.inputs?.[0],
  }));
}
