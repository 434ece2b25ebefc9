import { setTimeout as pause } from 'node:timers/promises';
import { loopDelay, row } from './measure.js';
import { bareEmbedder, disposable } from './similar.js';
import { promptText } from './texts.js';

/** The event loop's delay while texts are embedded, 500 at once and 500 a second, and while nothing is done. */
export async function benchLoop(seconds: number): Promise<string[]> {
  await using embedder = disposable(bareEmbedder());
  const embed = (index: number) => embedder.embed([promptText(index)], { lane: 'interactive', scope: 'bench' });
  await embed(0);
  const idle = await loopDelay(() => pause(1_000));
  const burst = await loopDelay(() => Promise.all(Array.from({ length: 500 }, (_, index) => embed(index + 1))));
  const steady = await loopDelay(async () => {
    // Fifty each 100 ms.
    for (let at = 0; at < 10 * seconds; at += 1)
      await Promise.all([pause(100), ...Array.from({ length: 50 }, (_, index) => embed(1_000 + at * 50 + index))]);
  });
  return [
    row('state', 'p99 ms', 'longest ms'),
    row('---', '---', '---'),
    row('idle', idle.p99Ms, idle.maxMs),
    row('500 texts embedded at once', burst.p99Ms, burst.maxMs),
    row(`500 texts embedded a second, for ${seconds} s`, steady.p99Ms, steady.maxMs),
  ];
}
