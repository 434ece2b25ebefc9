import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTestFolder } from '../support/database.js';
import { processHome, startProcess } from '../support/process.js';

test('a .env in the folder of the start is read, and the environment counts more', async () => {
  await using home = await processHome();
  await using folder = await createTestFolder();
  await writeFile(join(folder.path, '.env'), 'LOG_LEVEL=warn\nSIGNUP=closed\nEMBEDDER=neural\n');
  const program = await startProcess({ ...home.env, EMBEDDER: 'lexical', LOG_LEVEL: 'info' }, folder.path);
  const signUp = (username: string): Promise<Response> =>
    fetch(`${program.url}/trpc/auth.signup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password: 'a long enough secret' }),
    });
  expect((await signUp('first')).status).toBe(200);
  expect((await signUp('second')).status).toBe(403);
  program.kill('SIGTERM');
  expect(await program.ended).toBe(0);
});
