/** The compiled service in a process of its own, with the stand-in of the neural model when STAND_IN names it. Started by memory.ts. */
import { createApp } from '../../dist/app.js';
import { loadConfig } from '../../dist/config.js';
import { systemClock } from '../../dist/kernel/clock.js';
import { neuralSpace } from '../../dist/platform/embedding/choose.js';
import { createEmbedder } from '../../dist/platform/embedding/pool.js';

const { STAND_IN: path, ...env } = process.env;
const config = loadConfig(env);
const silent = { onBatch: () => undefined, onCache: () => undefined, onThreadReplaced: () => undefined };
const model = { kind: 'neural', space: neuralSpace, path };
const { threads, queueLimit } = config.embedding;
const own = () => createEmbedder({ model, threads, queueLimit, clock: systemClock, observer: silent });
const app = await createApp(config, path === undefined ? {} : { embedder: own() });
process.on('message', () => process.send({ rss: process.memoryUsage.rss() }));
process.on('disconnect', () => void app.close().then(() => process.exit()));
process.send({ url: app.url, space: app.embedding.space });
