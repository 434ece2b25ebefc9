import { Fault } from '../../kernel/fault.js';

/** Whoever asked has left. */
export const cancelled = (): Fault => new Fault('cancelled', 'The call was cancelled.');

/** The embedder takes nothing more. */
export const closing = (): Fault =>
  new Fault('overloaded', 'The embedder is stopping.', { reason: 'closing', retryAfterMs: 1_000 });

/** The lane has no room for all of a call's texts. */
export const full = (retryAfterMs: number): Fault =>
  new Fault('overloaded', 'Too many texts wait to be embedded.', { reason: 'queueFull', retryAfterMs });
