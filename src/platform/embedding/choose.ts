import { join } from 'node:path';
import type { Config } from '../../config.js';
import type { EmbeddingSpace } from './embedder.js';
import { flawOf, modelFiles, modelFolder, type ModelFile } from './model-files.js';
import type { ModelChoice } from './protocol.js';

/** The space of the neural model. q8 and fp32 vectors differ visibly, so the quantisation is part of the name. */
export const neuralSpace: EmbeddingSpace = Object.freeze({ name: 'all-MiniLM-L6-v2-q8', dimensions: 384 });

/** The space of the lexical model, which needs no files. */
export const lexicalSpace: EmbeddingSpace = Object.freeze({ name: 'lexical-1', dimensions: 384 });

/** The neural model was demanded and its files are absent or wrong; the message names the file and the command. */
export class ModelMissingError extends Error {
  override readonly name = 'ModelMissingError';
}

/** The model that serves, and why, in a sentence for the start-up log. */
interface EmbedderChoice {
  model: ModelChoice;
  reason: string;
}

/**
 * Which model the configuration and the files on disk lead to.
 *
 * Cost: reads all the model's files once (0.1 s), off the event loop; `lexical` reads nothing.
 * Faults: `ModelMissingError` if `neural` is demanded and a file is absent, truncated or another.
 */
export async function chooseEmbedder(
  { embedder, modelDir }: Pick<Config['embedding'], 'embedder' | 'modelDir'>,
  files: readonly ModelFile[] = modelFiles,
): Promise<EmbedderChoice> {
  const lexical: ModelChoice = { kind: 'lexical', space: lexicalSpace, path: null };
  if (embedder === 'lexical') return { model: lexical, reason: 'EMBEDDER=lexical' };
  const folder = modelFolder(modelDir);
  const flaw = await firstFlaw(folder, files);
  if (flaw === null) {
    return { model: { kind: 'neural', space: neuralSpace, path: folder }, reason: 'the neural model is complete' };
  }
  if (embedder === 'neural')
    throw new ModelMissingError(`EMBEDDER=neural, but ${flaw}. Fetch the model with: npm run model:fetch`);
  return { model: lexical, reason: `the neural model does not serve: ${flaw}` };
}

async function firstFlaw(folder: string, files: readonly ModelFile[]): Promise<string | null> {
  for (const file of files) {
    const path = join(folder, file.path);
    const flaw = await flawOf(path, file);
    if (flaw !== null) return `${path} ${flaw}`;
  }
  return null;
}
