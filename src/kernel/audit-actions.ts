/** Everything that is recorded, in the form entity.pastTense. */
export const auditActions = [
  'member.added',
  'member.removed',
  'member.left',
  'member.roleChanged',
  'invitation.created',
  'invitation.accepted',
  'invitation.revoked',
  'project.transferred',
  'project.erased',
  'user.erased',
  'administrator.changed',
  'apiKey.created',
  'apiKey.revoked',
  'retention.changed',
  'retention.applied',
  'space.added',
  'space.activated',
  'space.dropped',
] as const;

/** One kind of recorded act. */
export type AuditAction = (typeof auditActions)[number];
