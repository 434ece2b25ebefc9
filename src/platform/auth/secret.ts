import { createHmac, hkdfSync, webcrypto } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import type { CryptoKey } from 'jose';
import type { Config } from '../../config.js';
import type { Ids } from '../../kernel/ids.js';

/** Where the signing secret comes from. */
export type SecretSource = Pick<Config['auth'], 'jwtSecret' | 'jwtSecretFile' | 'dataDir'>;

/** Keys for separate uses, all derived from the one secret: what signs a cursor can never sign a token. */
export interface AuthKeys {
  /** Signs and verifies tokens. Made once: a raw secret costs twice as much at each verification (64 against 32 µs). */
  tokens: CryptoKey;
  /** Signs page cursors. */
  cursors: Uint8Array;
  /** Keys the hashes of client addresses and account names, so that a stolen table names neither. */
  hashes: Uint8Array;
}

/** A signing secret that cannot be used; the message says what to do and never holds the secret. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
}

/** Source: RFC 7518 section 3.2: an HS256 key has at least the 256 bits of its hash. */
const minSecretBytes = 32;

/**
 * The keys derived from the configured secret, or from one made once in `<dataDir>/keys`.
 *
 * Faults: `SecretError` for a secret under 32 bytes, a sample value, or a key file that others may read.
 * Source: HKDF with SHA-256 (RFC 5869), one `info` for each use.
 */
export async function loadAuthKeys(source: SecretSource, ids: Ids): Promise<AuthKeys> {
  const secret = await readSecret(source, ids);
  const derive = (use: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), `promptwell ${use}`, 32));
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  return {
    tokens: await webcrypto.subtle.importKey('raw', derive('tokens'), hmac, false, ['sign', 'verify']),
    cursors: derive('cursors'),
    hashes: derive('hashes'),
  };
}

/** The HMAC-SHA256 of `text` under `key`, as 43 characters of base64url. */
export const keyedHash = (key: Uint8Array, text: string): string =>
  createHmac('sha256', key).update(text).digest('base64url');

async function readSecretFile(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new SecretError(`JWT_SECRET_FILE: ${path} cannot be read`, { cause });
  });
}

async function readSecret(source: SecretSource, ids: Ids): Promise<string> {
  if (source.jwtSecret !== undefined) return usable(source.jwtSecret, 'JWT_SECRET');
  if (source.jwtSecretFile !== undefined) return usable(await readSecretFile(source.jwtSecretFile), 'JWT_SECRET_FILE');
  const folder = join(source.dataDir, 'keys');
  const path = join(folder, 'signing-secret');
  await makeOnce(folder, path, ids);
  await refuseWideMode(folder);
  await refuseWideMode(path);
  return usable(await readFile(path, 'utf8'), path);
}

/** Writes the secret beside its place and links it there: a crash leaves no half-written one, a rival's is kept. */
async function makeOnce(folder: string, path: string, ids: Ids): Promise<void> {
  if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await chmod(folder, 0o700);
  if (await exists(path)) return;
  const draft = `${path}.${ids.uuid()}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${ids.secret(minSecretBytes)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await link(draft, path).catch((cause: unknown) => {
    if (!hasCode(cause, 'EEXIST')) throw cause;
  });
  await unlink(draft);
}

async function refuseWideMode(path: string): Promise<void> {
  // Windows has no such modes: there every file looks wide open.
  if (platform() === 'win32') return;
  const mode = (await stat(path)).mode & 0o777;
  if ((mode & 0o077) !== 0)
    throw new SecretError(`${path} may be read by others (mode ${mode.toString(8)}): run chmod go-rwx on it`);
}

function usable(text: string, where: string): string {
  const secret = text.trim();
  if (Buffer.byteLength(secret) < minSecretBytes)
    throw new SecretError(`${where}: must hold at least ${minSecretBytes} bytes`);
  if (/change.?me|example|secret.?here/i.test(secret))
    throw new SecretError(`${where}: holds a sample value; make one of your own`);
  return secret;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return false;
    throw cause;
  }
}

const hasCode = (cause: unknown, code: string): boolean =>
  cause instanceof Error && 'code' in cause && cause.code === code;
