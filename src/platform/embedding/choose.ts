import { join } from 'node:path';
import type { EmbeddingSpace } from './embedder.js';
import { flawOf, modelFiles, modelFolder, type ModelFile } from './model-files.js';

/** The space of the neural model. q8 and fp32 vectors differ visibly, so the quantisation is part of the name. */
export const neuralSpace: EmbeddingSpace = Object.freeze({ name: 'all-MiniLM-L6-v2-q8', dimensions: 384 });

/** The space of the lexical model, which needs no files. */
export const lexicalSpace: EmbeddingSpace = Object.freeze({ name: 'lexical-1', dimensions: 384 });

/** No space can serve as configured; the message says what is missing and what to do. */
export class ModelMissingError extends Error {
  override readonly name = 'ModelMissingError';
}

/**
 * What is wrong with the neural model's files, naming the first that is absent, truncated or another; null when they are
 * complete.
 *
 * Cost: reads all of them once (0.1 s), off the event loop.
 */
export async function modelFlaw(modelDir: string, files: readonly ModelFile[] = modelFiles): Promise<string | null> {
  for (const file of files) {
    const path = join(modelFolder(modelDir), file.path);
    const flaw = await flawOf(path, file);
    if (flaw !== null) return `${path} ${flaw}`;
  }
  return null;
}
