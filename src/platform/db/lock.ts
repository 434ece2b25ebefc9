import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Ids } from '../../kernel/ids.js';
import { DatabaseStartError } from './start-error.js';

/** Longest path of a Unix socket that every system takes: 107 bytes on Linux, 103 on macOS. Source: unix(7), sys/un.h. */
const maxSocketPathBytes = 103;

/** How long a rival may take to say whether it holds the folder; one that is frozen says nothing and counts as holder. */
const answerTimeoutMs = 500;

/** Rounds between two processes that start in the same instant, and the wait between them. */
const maxRounds = 3;
const roundWaitMs = 100;

/** A process that has a socket in the lock folder and answers on it. */
interface Rival {
  /** Its process id, as its socket's name says. */
  pid: string;
  name: string;
  isHolder: boolean;
}

/** Gives a folder back; nothing happens at the second call. */
export type Unlock = () => Promise<void>;

/**
 * Keeps a folder for this process alone until it ends, however it ends.
 *
 * Every process binds a socket of its own first and looks at the others' afterwards, so of two starters at least one sees
 * the other: both never hold. The kernel closes a dead process's socket, so a kill leaves nothing that blocks.
 * Faults: `DatabaseStartError` naming the holder's process, within two seconds.
 */
export async function lockFolder(folder: string, ids: Ids): Promise<Unlock> {
  const sockets = join(resolve(folder), 'lock');
  await mkdir(sockets, { recursive: true, mode: 0o700 });
  const own = `${process.pid}-${ids.secret(6)}`;
  let isHolder = false;
  const server = net.createServer((client) => client.on('error', () => undefined).end(isHolder ? 'holds' : 'asks'));
  await withShortPath(sockets, (short) => listenOn(server, join(short, own)));
  server.unref();
  const unlock = async (): Promise<void> => {
    await new Promise((closed) => server.close(closed));
    await rm(join(sockets, own), { force: true });
  };
  try {
    await withShortPath(sockets, (short) => outlast({ sockets, short, own, folder }));
  } catch (cause) {
    await unlock();
    throw cause;
  }
  isHolder = true;
  return unlock;
}

interface Place {
  sockets: string;
  short: string;
  own: string;
  folder: string;
}

/** Resolves when no other process is there. Between two that ask, the one whose name sorts first may go on. */
async function outlast({ sockets, short, own, folder }: Place): Promise<void> {
  for (let round = 1; ; round += 1) {
    const names = (await readdir(sockets)).filter((name) => name !== own);
    const rivals = await Promise.all(names.map((name) => ask(join(short, name), name)));
    const alive = rivals.filter((rival) => rival !== undefined);
    if (alive.length === 0) {
      await Promise.all(names.map((name) => rm(join(sockets, name), { force: true })));
      return;
    }
    const stronger = alive.find((rival) => rival.isHolder || rival.name < own || round === maxRounds);
    if (stronger !== undefined) throw inUse(folder, stronger.pid);
    await setTimeout(roundWaitMs);
  }
}

const inUse = (folder: string, pid: string): DatabaseStartError =>
  new DatabaseStartError(
    `The data folder ${folder} is in use by another Promptwell (process ${pid}). Stop that one, or give this one another DATA_DIR, or set DATABASE_URL: several processes can share a PostgreSQL server.`,
  );

/** The process behind a socket, or undefined when it is dead. */
function ask(address: string, name: string): Promise<Rival | undefined> {
  return new Promise((answer) => {
    let said = '';
    const rival = (): Rival => ({ pid: name.split('-')[0] ?? 'unknown', name, isHolder: said !== 'asks' });
    const probe = net.connect(address);
    probe.setTimeout(answerTimeoutMs, () => probe.destroy());
    probe.on('data', (chunk) => {
      said += chunk.toString('latin1');
    });
    let isConnected = false;
    probe.once('connect', () => {
      isConnected = true;
    });
    probe.on('error', () => undefined);
    probe.once('close', () => answer(isConnected ? rival() : undefined));
  });
}

function listenOn(server: net.Server, address: string): Promise<void> {
  return new Promise((listening, failed) => {
    server.once('error', failed);
    server.listen(address, () => {
      server.off('error', failed);
      listening();
    });
  });
}

/** Runs `work` with a path to `folder` that is short enough for sockets: where it is not, through a passing symlink. */
async function withShortPath<T>(folder: string, work: (short: string) => Promise<T>): Promise<T> {
  // A socket's name is at most 10 digits of process id, a dash and 8 characters.
  if (Buffer.byteLength(folder) + 20 <= maxSocketPathBytes) return work(folder);
  const passing = await mkdtemp(join(tmpdir(), 'pw-'));
  try {
    await symlink(folder, join(passing, 'd'));
    return await work(join(passing, 'd'));
  } finally {
    await rm(passing, { recursive: true, force: true });
  }
}
