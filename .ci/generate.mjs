// Generates the Prisma client, but only when the schema or Prisma itself changed: a build must not pay for it each time.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const stamp = new URL('src/platform/db/generated/.made-from', root);
const madeFrom = createHash('sha256')
  .update(readFileSync(new URL('prisma/schema.prisma', root)))
  .update(readFileSync(new URL('node_modules/prisma/package.json', root)))
  .digest('hex');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== madeFrom) {
  const { status } = spawnSync('npx', ['--no-install', 'prisma', 'generate', '--no-hints'], {
    cwd: fileURLToPath(root),
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(stamp, madeFrom);
}
