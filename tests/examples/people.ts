// Two people work in one project: one invites, the other joins, and the ledger tells of it.
import { createPromptwellClient, TRPCClientError } from 'promptwell/client';

const { PROMPTWELL_URL: url = 'http://127.0.0.1:3000', PROMPTWELL_PASSWORD: password = 'a long enough secret' } =
  process.env;

const signUp = async (username: string) => {
  const { tokens, user } = await createPromptwellClient({ url }).auth.signup.mutate({ username, password });
  return { user, promptwell: createPromptwellClient({ url, tokens }) };
};
const [alice, bob] = [await signUp('alice'), await signUp('bob')];

const { id: projectId } = await alice.promptwell.projects.create.mutate({ name: 'Travel' });
const { link, token } = await alice.promptwell.projects.invitations.create.mutate({ projectId, role: 'member' });
console.log(`send this: ${new URL(link.replace(token, 'pwi_...'), 'https://promptwell.example.org').href}`);

// Bob opens the link in a browser; a program accepts the token.
const joined = await bob.promptwell.projects.invitations.accept.mutate({ token });
console.log(`bob is in ${joined.name} as ${joined.role}`);

await alice.promptwell.projects.transfer.mutate({ projectId, userId: bob.user.id });
const { items } = await alice.promptwell.projects.members.list.query({ projectId });
console.log(items.map(({ username, role }) => `${username} (${role})`).join(', '));

const refusal: unknown = await bob.promptwell.projects.members.leave.mutate({ projectId }).catch((error) => error);
if (refusal instanceof TRPCClientError) console.log(refusal.message);

const ledger = await bob.promptwell.audit.list.query({ projectId });
for (const { action, actor, subject } of ledger.items)
  console.log(`${actor?.username}: ${action}${subject === null ? '' : ` ${subject.username}`}`);
