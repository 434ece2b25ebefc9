import { parentPort, workerData } from 'node:worker_threads';
import type { EmbeddingModel, ModelChoice } from './protocol.js';
import { serve } from './serve.js';

/** Loaded on demand: the lexical thread never pays for onnxruntime (0.3 s and 100 MB). */
async function load(choice: ModelChoice): Promise<EmbeddingModel> {
  if (choice.path === null) return (await import('./lexical.js')).createLexicalModel();
  return (await import('./model.js')).loadNeuralModel({ path: choice.path, space: choice.space });
}

const choice = workerData as ModelChoice;
if (parentPort === null) throw new Error('platform/embedding/thread runs as a worker thread only.');
const model = await load(choice);
if (model.space.name !== choice.space.name || model.space.dimensions !== choice.space.dimensions)
  throw new Error(`The model makes vectors of ${model.space.name}, not of ${choice.space.name}.`);
serve(parentPort, model);
