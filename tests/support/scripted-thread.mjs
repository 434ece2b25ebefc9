// A thread of the embedding pool whose model does what its texts say; `workerData.path` names the channel to the test.
import { parentPort, workerData } from 'node:worker_threads';
import { serve } from '../../dist/platform/embedding/serve.js';

const channel = new BroadcastChannel(workerData.path);
const answers = new Map();
channel.addEventListener('message', ({ data }) => {
  if (data.ping === undefined) answers.get(data.name)?.(data.action);
  else channel.postMessage({ asked: data.ping });
});

/** Asks the test what to do with `ask:<name>`; other texts say it themselves. */
function actionOf(text) {
  if (!text.startsWith('ask:')) return text;
  const name = text.slice('ask:'.length);
  return new Promise((resolve) => {
    answers.set(name, resolve);
    channel.postMessage({ asked: name });
  });
}

const unit = () => Float32Array.of(1, 0, 0, 0);
const actions = {
  die: () => process.exit(13),
  freeze: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  fill: () => {
    const kept = [];
    for (;;) kept.push(new Array(100_000).fill(kept.length));
  },
  throw: () => {
    throw new Error('as the text says');
  },
  nan: () => Float32Array.of(Number.NaN, 0, 0, 0),
  zero: () => new Float32Array(4),
};

const model = {
  space: workerData.space,
  async embed(texts, giveWay) {
    channel.postMessage({ batch: [...texts] });
    const embedded = [];
    for (const text of texts) {
      await giveWay();
      const [action] = (await actionOf(text)).split(' ');
      const vector = (actions[action] ?? unit)();
      embedded.push({ vector, isTruncated: text === 'long' });
    }
    return embedded;
  },
  async close() {
    channel.postMessage({ asked: 'closed' });
    channel.close();
  },
};

if (workerData.space.name === 'never starts') throw new Error('no model here');
serve(parentPort, model);
