import { router, userProcedure } from '../../rpc/procedures.js';

/** What a signed-in caller may know of the service. */
export interface SystemInfo {
  version: string;
  engine: 'embedded' | 'server';
  /** The space whose vectors answer similarity. */
  embedding: {
    space: string;
    dimensions: number;
    isReady: boolean;
    /** The neural model on its way to this machine; null where nothing is fetched. */
    fetch: { state: string; percent: number; message: string } | null;
  };
  /** The provider and model asked when a call names none. */
  model: { provider: string; name: string };
  signup: 'open' | 'closed';
}

/** Procedures on the service itself. */
export const createSystemRouter = (info: () => SystemInfo) =>
  router({
    info: userProcedure.query(() => info()),
  });
