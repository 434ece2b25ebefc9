import { z } from 'zod';
import { type DescribedProcedure, describedProcedures } from './procedures.js';

/** As much of JSON Schema as our inputs come to. */
export interface Shape {
  type?: string;
  properties?: Record<string, Shape>;
  required?: string[];
  additionalProperties?: Shape | boolean;
  propertyNames?: Shape;
  items?: Shape;
  anyOf?: Shape[];
  enum?: unknown[];
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
}

/** A procedure that takes an input, with the shape of it. */
export interface ShapedProcedure extends DescribedProcedure {
  shape: Shape;
}

/** Every procedure with an input, as the router has them. */
export const shapedProcedures = (): ShapedProcedure[] =>
  describedProcedures().flatMap((procedure) =>
    procedure.schema === undefined
      ? []
      : [{ ...procedure, shape: z.toJSONSchema(procedure.schema, { io: 'input', unrepresentable: 'any' }) as Shape }],
  );

/** A copy of `base` with `value` at a path of keys and indexes, made where nothing is. */
export function withValue<Whole extends object>(
  base: Whole,
  [head = '', ...rest]: readonly string[],
  value: unknown,
): Whole {
  const inner = (base as Record<string, object>)[head] ?? {};
  const part = rest.length === 0 ? value : withValue(inner, rest, value);
  return (Array.isArray(base) ? base.with(Number(head), part) : { ...base, [head]: part }) as Whole;
}

const uuid = '01890000-0000-7000-8000-000000000000';
const password = 'correct horse battery';

/** Whose project and prompt good inputs name. */
export interface Subject {
  projectId: string;
  promptId: string;
}

/** An input of each procedure that is good, so that the one thing made bad in it is the one refused. */
export const goodInputs = ({ projectId, promptId: id }: Subject): Record<string, Record<string, unknown>> => ({
  'auth.signup': { username: 'bad-input-user', password },
  'auth.login': { username: 'bad-input-user', password },
  'auth.refresh': { refreshToken: 'x' },
  'auth.logout': { refreshToken: 'x' },
  'auth.changePassword': { currentPassword: 'not the right one', newPassword: password },
  'auth.deleteAccount': { password: 'not the right one' },
  'apiKeys.create': { name: 'key', scopes: ['prompts:read'] },
  'apiKeys.list': {},
  'apiKeys.revoke': { id: uuid },
  'projects.create': { name: 'project' },
  'projects.transfer': { projectId, userId: uuid },
  'projects.members.list': {},
  'projects.members.add': { projectId, username: 'nobody', role: 'viewer' },
  'projects.members.remove': { projectId, userId: uuid },
  'projects.members.setRole': { projectId, userId: uuid, role: 'viewer' },
  'projects.members.leave': { projectId },
  'projects.invitations.create': { projectId, role: 'viewer' },
  'projects.invitations.list': { projectId },
  'projects.invitations.revoke': { projectId, id: uuid },
  'projects.invitations.accept': { token: 'x' },
  'projects.erase': { projectId, confirm: 'not its name' },
  'retention.get': {},
  'retention.preview': { promptDays: 3_650 },
  'retention.set': { promptDays: null, responseDays: null, eventDays: null },
  'retention.applyNow': {},
  'spaces.add': { name: 'no such space' },
  'spaces.compare': { name: 'no such space' },
  'spaces.activate': { name: 'no such space' },
  'spaces.drop': { name: 'no such space' },
  'spaces.follow': {},
  'audit.list': {},
  'audit.installation': {},
  'prompts.create': { text: 'never stored' },
  'prompts.import': { items: [{ text: 'never stored', responses: [{ text: 'nor this' }] }] },
  'prompts.stream': { text: 'never stored', idempotencyKey: 'k' },
  'prompts.get': { id },
  'prompts.responses': { id },
  'prompts.list': {},
  'prompts.similar': { query: 'x' },
  'prompts.update': { id, text: 'never stored' },
  'prompts.regenerate': { id },
  'prompts.delete': { id },
  'feed.follow': {},
});
