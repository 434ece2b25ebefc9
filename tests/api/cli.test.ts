import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Outputs } from '../../src/client.js';
import { createServerDatabase, createTestFolder, engineUnderTest } from '../support/database.js';
import { type Ended, runProgram, startProgram } from '../support/program.js';
import { startSecond, startService, type TestPerson, type TestService } from '../support/service.js';
import { until } from '../support/wait.js';

// Each command opens the database anew: seconds on the embedded engine, and more on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

const newPassword = 'a password set by the operator';

/** The command line on a service's own database. */
const promptwell = (service: TestService, args: string[], stdin = ''): Promise<Ended> =>
  runProgram('cli.js', { args, env: service.env, stdin });

const login = (service: TestService, { session }: TestPerson, password: string) =>
  service.client().auth.login.mutate({ username: session.user.username, password });

const code = (is: string) => ({ data: { code: is } });

/** One line for a person, and no stack. */
function expectComplaint(ended: Ended, expected: { code: number; words: RegExp }): void {
  expect(ended.stderr.trimEnd().split('\n').at(-1)).toMatch(expected.words);
  expect(ended.stderr).not.toMatch(/^\s+at /m);
  expect(ended.code).toBe(expected.code);
}

describe('the command line', () => {
  test('explains itself', async () => {
    const { code: exitCode, stdout } = await runProgram('cli.js', { args: ['--help'] });
    expect(exitCode).toBe(0);
    for (const name of ['serve', 'model', 'migrate', 'backup', 'backups', 'restore', 'export', 'user'])
      expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
  });

  test.each([
    [['polish'], /unknown command 'polish'/],
    [['export'], /one of '--project <id>' and '--user <name>' is needed/],
    [['export', '--project', 'seven'], /'seven' is invalid. It is not a UUID/],
    [['export', '--user', 'ada', '--project', '01890000-0000-7000-8000-000000000000'], /cannot be used with/],
    [['user', 'disable'], /missing required argument 'username'/],
  ])('answers 2 in one line to what it does not understand: %j', async (args, words) => {
    const ended = await runProgram('cli.js', { args });
    expectComplaint(ended, { code: 2, words });
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('names the variables of a configuration that does not work, in one line', async () => {
    const ended = await runProgram('cli.js', { args: ['migrate'], env: { PORT: 'seven', BACKUP_KEEP: '0' } });
    expectComplaint(ended, { code: 1, words: /^promptwell: .*PORT: .*BACKUP_KEEP: / });
  });

  test('serves, as the service does, until it is told to stop', async () => {
    await using folder = await createTestFolder();
    const env = { DATA_DIR: folder.path, PORT: '0', METRICS_PORT: '0', EMBEDDER: 'lexical' };
    const program = startProgram('cli.js', { args: ['serve'], env });
    await until('the service to be ready', () => program.said().includes('"msg":"ready"') || undefined, 60_000);
    program.kill('SIGTERM');
    expect((await program.ended).code).toBe(0);
  });

  test('says why the model cannot be fetched', async () => {
    await using folder = await createTestFolder();
    const mirror = createServer((_, reply) => reply.writeHead(404).end());
    await new Promise<void>((resolve) => mirror.listen(0, '127.0.0.1', resolve));
    const env = {
      MODEL_DIR: folder.path,
      MODEL_MIRROR: `http://127.0.0.1:${(mirror.address() as AddressInfo).port}`,
    };
    const ended = await runProgram('cli.js', { args: ['model', 'fetch'], env });
    mirror.close();
    expectComplaint(ended, { code: 1, words: /^promptwell: tokenizer_config\.json: .* answers 404/ });
  });

  test('migrates an empty database and stops', async () => {
    await using folder = await createTestFolder();
    const server = engineUnderTest === 'server' ? await createServerDatabase() : undefined;
    const env = {
      DATA_DIR: folder.path,
      ...(server === undefined ? {} : { DATABASE_URL: server.url, JWT_SECRET: '0123456789abcdef0123456789abcdef' }),
    };
    const first = await runProgram('cli.js', { args: ['migrate'], env });
    const second = await runProgram('cli.js', { args: ['migrate'], env });
    await server?.[Symbol.asyncDispose]();
    expect(first).toMatchObject({ code: 0, stdout: 'The database is up to date.\n' });
    expect(first.stderr).toContain('migrations applied');
    expect(second).toMatchObject({ code: 0, stdout: 'The database is up to date.\n' });
    expect(second.stderr).not.toContain('migrations applied');
  });
});

describe('accounts in the hands of an operator', () => {
  test('a reset password works, the old one does not, and old sessions are over', async () => {
    await using service = await startService();
    const ada = await service.signUp();
    const { username } = ada.session.user;
    await service.app.close();
    expectComplaint(await promptwell(service, ['user', 'reset-password', username], 'short\n'), {
      code: 1,
      words: /password: must have at least 12 characters/,
    });
    expectComplaint(await promptwell(service, ['user', 'reset-password', username]), {
      code: 1,
      words: /No password was given\./,
    });
    const ended = await promptwell(service, ['user', 'reset-password', username.toUpperCase()], `${newPassword}\n`);
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('has a new password') as string });
    await using again = await startSecond(service);
    await expect(login(again, ada, ada.password)).rejects.toMatchObject(code('UNAUTHORIZED'));
    await expect(again.client({ token: ada.token }).auth.me.query()).rejects.toMatchObject(code('UNAUTHORIZED'));
    const { refreshToken } = ada.session.tokens;
    await expect(again.client().auth.refresh.mutate({ refreshToken })).rejects.toMatchObject(code('UNAUTHORIZED'));
    expect((await login(again, ada, newPassword)).user.username).toBe(username);
  });

  test('a disabled account is shut out with its sessions and keys, and an enabled one may sign in again', async () => {
    await using service = await startService();
    // The first account runs the installation, and nobody else does.
    const bob = await service.signUp();
    const ada = await service.signUp();
    const { key } = await ada.client.apiKeys.create.mutate({ name: 'robot', scopes: ['prompts:read'] });
    await service.app.close();
    expectComplaint(await promptwell(service, ['user', 'disable', 'nobody']), { code: 1, words: /No such user\./ });
    expectComplaint(await promptwell(service, ['user', 'disable', bob.session.user.username]), {
      code: 1,
      words: /Nobody else runs this installation: appoint somebody first\./,
    });
    expect((await promptwell(service, ['user', 'disable', ada.session.user.username])).code).toBe(0);
    {
      await using again = await startSecond(service);
      await expect(login(again, ada, ada.password)).rejects.toMatchObject(code('UNAUTHORIZED'));
      await expect(again.client({ token: ada.token }).auth.me.query()).rejects.toMatchObject(code('UNAUTHORIZED'));
      await expect(again.client({ token: key }).prompts.list.query({})).rejects.toMatchObject(code('UNAUTHORIZED'));
      expect((await again.client({ token: bob.token }).auth.me.query()).user.id).toBe(bob.session.user.id);
    }
    expect((await promptwell(service, ['user', 'enable', ada.session.user.username])).code).toBe(0);
    await using again = await startSecond(service);
    expect((await login(again, ada, ada.password)).user.id).toBe(ada.session.user.id);
  });

  test('somebody is made an administrator and no longer, on record; the last one stays', async () => {
    await using service = await startService();
    const [ada, bob] = [await service.signUp(), await service.signUp()];
    const [first, second] = [ada, bob].map(({ session }) => session.user.username);
    await service.app.close();
    const appoint = (...args: string[]) => promptwell(service, ['user', 'administrator', ...args]);
    const last = { code: 1, words: /Nobody else runs this installation: appoint somebody first\./ };
    expectComplaint(await appoint(first ?? '', '--revoke'), last);
    expectComplaint(await appoint('nobody'), { code: 1, words: /No such user\./ });
    expect(await appoint(second ?? '')).toMatchObject({
      code: 0,
      stdout: `${second} is an administrator of this installation.\n`,
    });
    // Again is no change.
    expect((await appoint(second ?? '')).code).toBe(0);
    expect((await appoint(first ?? '', '--revoke')).code).toBe(0);
    expectComplaint(await appoint(second ?? '', '--revoke'), last);
    await using again = await startSecond(service);
    const { items } = await again.client({ token: bob.token }).audit.installation.query({});
    expect(
      items.map(({ action, actor, subject, details }) => [
        action,
        actor,
        subject?.username,
        details['isAdministrator'],
      ]),
    ).toEqual([
      ['administrator.changed', null, first, false],
      ['administrator.changed', null, second, true],
    ]);
    const refused = again.client({ token: ada.token }).audit.installation.query({});
    await expect(refused).rejects.toMatchObject(code('FORBIDDEN'));
  });

  test.skipIf(engineUnderTest === 'embedded')('disabling ends a live session of a running service', async () => {
    await using service = await startService();
    const ada = await service.signUp();
    const end = new Promise<string | undefined>((resolve) => {
      ada.client.feed.follow.subscribe({}, { onError: (error) => resolve(error.data?.code) });
    });
    await ada.client.auth.me.query();
    expect((await promptwell(service, ['user', 'disable', ada.session.user.username])).code).toBe(0);
    expect(await end).toBe('UNAUTHORIZED');
  });
});

describe('the export of a project', () => {
  test('holds every prompt with all its responses, newest first, whichever way it is asked for', async () => {
    await using service = await startService();
    const ada = await service.signUp();
    const bob = await service.signUp();
    const first = await ada.client.prompts.create.mutate({ text: 'Line\nbreaks and “quotes”', metadata: { a: [1] } });
    await ada.client.prompts.regenerate.mutate({ id: first.id });
    // More than one page of the export.
    for (let index = 0; index < 104; index += 1)
      await ada.client.prompts.create.mutate({ text: `Prompt ${index}`, generate: false });
    await bob.client.prompts.create.mutate({ text: 'Not hers', generate: false });
    const { items: responses } = await ada.client.prompts.responses.query({ id: first.id });
    const list = await everyPrompt(ada);
    await service.app.close();

    const { username } = ada.session.user;
    const ended = await promptwell(service, ['export', '--user', username]);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('105 prompts exported.');
    const exported = ended.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string; responses: unknown[] });
    expect(exported.map(({ id }) => id)).toEqual(list.map(({ id }) => id));
    const { response: _newest, embedding: _vector, ...kept } = list.at(-1) ?? {};
    expect(exported.at(-1)).toEqual({ ...kept, model: 'offline', parameters: {}, responses });
    expect(responses).toHaveLength(2);

    const file = join(service.env['DATA_DIR'] ?? '', 'out.jsonl');
    const args = ['export', '--project', ada.session.project.id, '--output', file];
    expect((await promptwell(service, args)).code).toBe(0);
    expect(await readFile(file, 'utf8')).toBe(ended.stdout);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expectComplaint(await promptwell(service, args), { code: 1, words: /exists already; nothing was written\./ });
    expect(await readFile(file, 'utf8')).toBe(ended.stdout);
    const unknown = ['export', '--project', '01890000-0000-7000-8000-000000000000', '--output', `${file}.none`];
    expectComplaint(await promptwell(service, unknown), { code: 1, words: /No such project\./ });
    await expect(stat(`${file}.none`)).rejects.toThrow('ENOENT');
  });
});

describe.skipIf(engineUnderTest === 'server')('the embedded database', () => {
  test('is refused to a command while the service holds it', async () => {
    await using service = await startService();
    expectComplaint(await promptwell(service, ['user', 'disable', 'ada']), {
      code: 1,
      words: /in use by another Promptwell \(process \d+\)\. Stop that one/,
    });
  });

  test('comes back from a backup that was listed; what was there is kept aside', async () => {
    await using service = await startService();
    const ada = await service.signUp();
    await ada.client.prompts.create.mutate({ text: 'Before the backup', generate: false });
    await service.app.close();
    {
      await using again = await startSecond(service);
      await again.client({ token: ada.token }).prompts.create.mutate({ text: 'After it', generate: false });
    }
    const listed = await promptwell(service, ['backups']);
    expect(listed.code).toBe(0);
    const backups = listed.stdout.trimEnd().split('\n');
    expect(backups).toHaveLength(2);
    const oldest = /^\S+Z +\d+\.\d MB {2}embedded {2}unverified {2}\d+_\w+ {2}(\S+\.tar\.gz)$/.exec(
      backups[1] ?? '',
    )?.[1];
    expect(oldest).toBeDefined();
    const restored = await promptwell(service, ['restore', oldest ?? '']);
    expect(restored.code).toBe(0);
    expect(restored.stdout).toMatch(/^Restored .*\nWhat was there before is kept in .*pg\.replaced-/);
    await using again = await startSecond(service);
    const { items } = await again.client({ token: ada.token }).prompts.list.query({});
    expect(items.map(({ text }) => text)).toEqual(['Before the backup']);
  });

  test('is not replaced by a backup that does not exist or does not open', async () => {
    await using folder = await createTestFolder();
    const env = { DATA_DIR: folder.path };
    await mkdir(join(folder.path, 'backups'));
    await writeFile(join(folder.path, 'backups', 'broken.tar.gz'), 'no archive');
    const missing = await runProgram('cli.js', { args: ['restore', 'missing.tar.gz'], env });
    expectComplaint(missing, { code: 1, words: /There is no backup missing\.tar\.gz in / });
    const broken = await runProgram('cli.js', { args: ['restore', 'broken.tar.gz'], env });
    expectComplaint(broken, { code: 1, words: /No backup in .* could be restored\./ });
  });
});

async function everyPrompt({ client }: TestPerson): Promise<Outputs['prompts']['list']['items']> {
  const items: Outputs['prompts']['list']['items'] = [];
  let cursor: string | null | undefined;
  do {
    const page = await client.prompts.list.query({ limit: 100, ...(cursor == null ? {} : { cursor }) });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return items;
}
