import { type Role, roleScopes } from '../../kernel/access.js';
import { Fault } from '../../kernel/fault.js';

/** From the least to the most. */
const ranks: readonly Role[] = ['viewer', 'member', 'admin', 'owner'];

/** Whether `role` gives at least what `other` does. */
export const isAtLeast = (role: Role, other: Role): boolean => ranks.indexOf(role) >= ranks.indexOf(other);

/**
 * Whether `actor` may give `role` to others, or take it from them.
 *
 * Shape: nobody gives or takes more than they have, so nobody raises themself, and only an owner touches owners.
 */
export const mayGrant = (actor: Role, role: Role): boolean =>
  roleScopes[actor].includes('members:manage') && isAtLeast(actor, role);

/** The refusal of what would leave an installation to nobody. */
export const lastAdministrator = (): Fault =>
  new Fault('precondition', 'Nobody else runs this installation: appoint somebody first.', {
    state: 'lastAdministrator',
  });
