import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createTestFolder, engineUnderTest } from '../support/database.js';
import { record, seededRun, strikes } from '../support/fault/form.js';
import { KillLoad, requireNothingLost, spread } from '../support/fault/kill-load.js';
import { processHome } from '../support/process.js';

const row = engineUnderTest === 'server' ? 'F01' : 'F02';
const cycles = strikes(20, 200);

/** Source: the row's own bound: ready in 5 s after each kill. */
const readyWithinMs = 5_000;

/**
 * Embedded, the row's child is a thread of the same process: what is killed is the process, database and all, between
 * two of its instructions; there is nobody to die first.
 */
test(`${row}: kill -9 under eight writers loses no acknowledged prompt, doubles none, leaves none without an end`, {
  timeout: cycles * 30_000,
}, async () => {
  await using home = await processHome();
  await using folder = await createTestFolder();
  const run = seededRun(row);
  await using load = new KillLoad(home.env, folder.path);
  await load.start();
  // The first start makes the database; the row is about starting again.
  for (const times of [load.readyMs, load.calmReadyMs, load.readyCpuMs]) times.length = 0;
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    await load.writeUntil(async () => {
      await setTimeout(run.between(20, 300));
      await load.kill();
    });
    await load.start();
  }
  const settled = await load.settle();
  const { medianMs, maxMs } = spread(load.readyMs);
  const { verdict, naive, interrupted } = settled;
  record(row, run.seed, {
    kills: cycles,
    sent: verdict.sent,
    acknowledged: verdict.acknowledged,
    stored: verdict.stored,
    lost: verdict.lost.length,
    doubled: verdict.doubled.length,
    'without an end': settled.unended,
    interrupted,
    busy: load.busy,
    'ready ms, median': medianMs,
    'ready ms, most': maxMs,
    'calm starts': load.calmReadyMs.length,
    'ready ms when calm, most': spread(load.calmReadyMs).maxMs,
    'ready CPU ms, most': spread(load.readyCpuMs).maxMs,
    'control without keys doubled': naive.doubled.length,
  });
  requireNothingLost(settled);
  // Beside other tests the wall's time is the machine's, not the program's; its processor time is not.
  expect(spread(load.calmReadyMs).maxMs).toBeLessThan(readyWithinMs);
  expect(spread(load.readyCpuMs).maxMs).toBeLessThan(readyWithinMs);
});
