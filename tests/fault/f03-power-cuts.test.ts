import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createTestFolder, engineUnderTest } from '../support/database.js';
import { reasonAgainstCuts } from '../support/fault/cut-disk.js';
import { type CutHome, embeddedCutHome, noOwnServer, serverCutHome } from '../support/fault/cut-homes.js';
import { record, rounds, type SeededRun, seededRun, strikes } from '../support/fault/form.js';
import { KillLoad, spread } from '../support/fault/kill-load.js';

const isServer = engineUnderTest === 'server';
const reason = (await reasonAgainstCuts()) ?? (isServer ? noOwnServer : null);
if (reason !== null) process.stdout.write(`F03 is skipped: it ${reason}\n`);

const makeHome = (isSynced: boolean): Promise<CutHome> =>
  isServer ? serverCutHome(isSynced) : embeddedCutHome(isSynced);

/** Cuts the power `cuts` times under load; answers what is stored in the end, and what the program said of damage. */
async function cutOften(run: SeededRun, cuts: number, isSynced: boolean) {
  await using home = await makeHome(isSynced);
  await using folder = await createTestFolder();
  await using load = new KillLoad(home.env, folder.path);
  let setAside = 0;
  await load.start();
  // Embedded, a clean stop makes the backup that a damaged folder gives way to.
  await load.stop();
  await load.start();
  await home.settleDisk();
  for (let cut = 0; cut < cuts; cut += 1) {
    await load.writeUntil(async () => {
      await setTimeout(run.between(20, 300));
      await home.cutPower(load);
    });
    await load.start();
    if (load.program.output.stdout.includes('it was set aside')) setAside += 1;
  }
  return { ...(await load.settle()), setAside, ready: spread(load.readyMs) };
}

describe.skipIf(reason !== null)('F03', { timeout: rounds(20, 60) * 60_000 }, () => {
  test('a power cut under eight writers loses no acknowledged prompt, and what the disk holds opens', async () => {
    const run = seededRun('F03');
    const cuts = strikes(5, 50);
    const { verdict, unended, setAside, ready } = await cutOften(run, cuts, true);
    record('F03', run.seed, {
      cuts,
      sent: verdict.sent,
      acknowledged: verdict.acknowledged,
      stored: verdict.stored,
      lost: verdict.lost.length,
      doubled: verdict.doubled.length,
      'set aside': setAside,
      'ready ms, median': ready.medianMs,
    });
    expect({ ...verdict, unended, setAside }).toMatchObject({
      lost: [],
      doubled: [],
      unknown: [],
      unended: 0,
      setAside: 0,
    });
    expect(verdict.acknowledged).toBeGreaterThan(0);
  });

  test('control: where fsync does nothing, the same cuts lose what was acknowledged; embedded, never in silence', async () => {
    const run = seededRun('F03 control');
    const cuts = rounds(1, 5);
    const { verdict, setAside } = await cutOften(run, cuts, false);
    record('F03 control', run.seed, {
      cuts,
      acknowledged: verdict.acknowledged,
      lost: verdict.lost.length,
      'set aside': setAside,
    });
    expect(verdict.lost.length).toBeGreaterThan(0);
    if (!isServer) expect(setAside).toBeGreaterThan(0);
  });
});
