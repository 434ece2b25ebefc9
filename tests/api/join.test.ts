import { createHash } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stranger, teamOf } from '../support/people.js';
import { goodPassword, startService, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service[Symbol.asyncDispose]());

/** The script of the page, as a browser that obeys the page's policy would run it: by its hash, or not at all. */
async function scriptOf(response: Response): Promise<string> {
  const [, script = ''] = /<script>([\s\S]*?)<\/script>/.exec(await response.text()) ?? [];
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy).toContain(`script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`);
  return script;
}

/** Opens a link and presses a button, with the least of a browser that the page asks for; answers what it then says. */
async function press(link: string, action: string, fields: { username: string; password: string }) {
  const address = new URL(link, service.url);
  const asked: string[] = [];
  let submit: (event: object) => void = () => undefined;
  const form = {
    hidden: false,
    elements: { username: { value: fields.username }, password: { value: fields.password } },
    addEventListener: (_name: string, listener: typeof submit) => (submit = listener),
  };
  const note = { textContent: '' };
  const history = { replaceState: (_state: null, _title: string, path: string) => void asked.push(`shown ${path}`) };
  runInNewContext(await scriptOf(await fetch(new URL(address.pathname, address))), {
    document: { querySelector: (name: string) => (name === 'form' ? form : note) },
    location: address,
    history,
    fetch: (path: string, init: RequestInit) => {
      asked.push(path);
      return fetch(new URL(path, address), init);
    },
  });
  submit({ preventDefault: () => undefined, submitter: { value: action } });
  const said = await until('words', () => (/moment|^$/.test(note.textContent) ? undefined : note.textContent));
  return { said, asked, isFormHidden: form.hidden };
}

test('the link of an invitation lets somebody without an account in, and its token stands in no address', async () => {
  const { projectId, owner } = await teamOf(service);
  const { link, token } = await owner.client.projects.invitations.create.mutate({ projectId, role: 'viewer' });
  expect(link).toBe(`/join#${token}`);
  const joined = await press(link, 'auth.signup', { username: 'guest-of-the-link', password: goodPassword });
  expect(joined).toEqual({
    said: 'You are in “Together” now (role: viewer).',
    asked: ['trpc/auth.signup', 'trpc/projects.invitations.accept', 'shown /join', 'trpc/auth.logout'],
    isFormHidden: true,
  });
  const { items } = await owner.client.projects.members.list.query({ projectId });
  expect(items.map(({ username }) => username)).toContain('guest-of-the-link');
});

test('who has an account signs in; what fails is said in words, and nobody stays signed in', async () => {
  const { projectId, owner } = await teamOf(service);
  const { link } = await owner.client.projects.invitations.create.mutate({ projectId, role: 'member' });
  const { session, password } = await stranger(service);
  const { username } = session.user;
  expect((await press(link, 'auth.login', { username, password: 'a wrong password' })).said).toBe(
    'Wrong username or password.',
  );
  expect((await press(link, 'auth.login', { username, password })).said).toContain('(role: member)');
  const used = await press(link, 'auth.login', { username: owner.session.user.username, password: owner.password });
  expect(used.said).toContain('(role: owner)');
  const other = await stranger(service);
  const late = await press(link, 'auth.login', { username: other.session.user.username, password: other.password });
  expect(late).toMatchObject({ said: 'No such invitation.', isFormHidden: false });
  expect((await press('/join', 'auth.login', { username, password })).said).toContain('ask for the whole link');
  const open = await service.app.db.read('SELECT 1 FROM session WHERE revoked_at IS NULL AND user_id = $1', [other.id]);
  expect(open).toHaveLength(1);
});

test('whatever a project is called, the page says it as text and makes no markup of it (T53)', async () => {
  const { owner } = await teamOf(service);
  for (const name of [
    '<img src=x onerror=alert(1)>',
    '<svg/onload=alert(1)>',
    '"><script>alert(1)</script>',
    '&lt;b&gt;',
  ]) {
    const { id: projectId } = await owner.client.projects.create.mutate({ name });
    const { link } = await owner.client.projects.invitations.create.mutate({ projectId, role: 'viewer' });
    const { session, password } = await stranger(service);
    const joined = await press(link, 'auth.login', { username: session.user.username, password });
    expect(joined.said).toBe(`You are in “${name}” now (role: viewer).`);
  }
  const page = await (await fetch(`${service.url}/join?x=<img src=x onerror=alert(1)>`)).text();
  expect(page).not.toContain('onerror');
  expect(page).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setAttribute/);
});

test('the page runs nothing but itself, stands in no frame, and is kept nowhere (T53)', async () => {
  const { headers, status } = await fetch(`${service.url}/join`);
  expect(status).toBe(200);
  expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-\S+'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  );
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
});
