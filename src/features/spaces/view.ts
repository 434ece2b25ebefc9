import { createHash } from 'node:crypto';
import type { SpacesView, SpaceView } from './schema.js';

/** A space as it is known, with how full it is. */
export interface SpaceFacts {
  name: string;
  dimensions: number;
  isActive: boolean;
  isDropped: boolean;
  createdAt: Date;
  isServable: boolean;
  filled: number;
  total: number;
  perSecond: number | null;
}

/** What a space looks like on the wire. */
export function spaceView({ isActive, isDropped, createdAt, perSecond, ...facts }: SpaceFacts): SpaceView {
  const missing = Math.max(0, facts.total - facts.filled);
  const state = isActive ? 'active' : isDropped ? 'dropping' : missing === 0 ? 'full' : 'filling';
  const isMoving = perSecond !== null && perSecond > 0 && missing > 0;
  return {
    name: facts.name,
    dimensions: facts.dimensions,
    state,
    isServable: facts.isServable,
    filled: Math.min(facts.filled, facts.total),
    total: facts.total,
    vectorsPerSecond: missing > 0 ? perSecond : null,
    etaSeconds: isMoving ? Math.ceil(missing / perSecond) : null,
    createdAt: createdAt.toISOString(),
  };
}

/** The name of a state: a follower that has seen it is told again when it changes. */
export const stateId = (view: SpacesView): string =>
  createHash('sha256').update(JSON.stringify(view)).digest('base64url').slice(0, 22);
