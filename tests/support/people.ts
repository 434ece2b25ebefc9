import type { Role } from '../../src/kernel/access.js';
import type { TestPerson, TestService } from './service.js';

/** Somebody in a project. */
export type Member = TestPerson & { id: string };

/** A shared project with people of the roles that were asked for. */
export interface Team<Roles extends Role[] = Role[]> {
  projectId: string;
  owner: Member;
  /** The others, in the order of the roles. */
  others: { [Index in keyof Roles]: Member };
}

const withId = (person: TestPerson): Member => ({ ...person, id: person.session.user.id });

/** Somebody with an account and nothing else. */
export const stranger = async (service: TestService): Promise<Member> => withId(await service.signUp());

/** A new project of a new owner, which one person of each role has joined by an invitation. */
export async function teamOf<Roles extends Role[]>(service: TestService, ...roles: Roles): Promise<Team<Roles>> {
  const owner = await stranger(service);
  const { id: projectId } = await owner.client.projects.create.mutate({ name: 'Together' });
  const others: Member[] = [];
  for (const role of roles) others.push(await joining(service, { projectId, owner }, role));
  return { projectId, owner, others: others as Team<Roles>['others'] };
}

/** Somebody new who joins the project with a role. */
export async function joining(
  service: TestService,
  { projectId, owner }: Pick<Team, 'projectId' | 'owner'>,
  role: Role,
): Promise<Member> {
  const person = await stranger(service);
  const { token } = await owner.client.projects.invitations.create.mutate({ projectId, role });
  await person.client.projects.invitations.accept.mutate({ token });
  return person;
}

/** Who is in the project, as `name: role` by the names given. */
export async function rolesIn({ projectId, owner, others }: Team, seenBy = owner): Promise<Record<string, Role>> {
  const { items } = await seenBy.client.projects.members.list.query({ projectId });
  const names = new Map([[owner.id, 'owner'], ...others.map(({ id }, index) => [id, `other ${index}`] as const)]);
  return Object.fromEntries(items.map(({ userId, role }) => [names.get(userId) ?? userId, role]));
}
