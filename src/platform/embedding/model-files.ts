import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** One file of the neural model, by what it must be. */
export interface ModelFile {
  /** Under the model's folder, with forward slashes. */
  path: string;
  sizeBytes: number;
  /** Lower-case hexadecimal. */
  sha256: string;
}

/** The neural model's name on the hub and under the model directory. */
export const modelName = 'Xenova/all-MiniLM-L6-v2';

/** The folder that holds the neural model's files, in the layout that transformers.js reads. */
export const modelFolder = (modelDir: string): string => join(modelDir, ...modelName.split('/'));

/**
 * The files of the neural model, smallest first.
 *
 * Source: the repository of that name on huggingface.co (Apache-2.0), with the size and SHA-256 published there.
 */
export const modelFiles: readonly ModelFile[] = [
  {
    path: 'tokenizer_config.json',
    sizeBytes: 366,
    sha256: '9261e7d79b44c8195c1cada2b453e55b00aeb81e907a6664974b4d7776172ab3',
  },
  { path: 'config.json', sizeBytes: 650, sha256: '7135149f7cffa1a573466c6e4d8423ed73b62fd2332c575bf738a0d033f70df7' },
  {
    path: 'tokenizer.json',
    sizeBytes: 711_661,
    sha256: 'da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0',
  },
  {
    path: 'onnx/model_quantized.onnx',
    sizeBytes: 22_972_370,
    sha256: 'afdb6f1a0e45b715d0bb9b11772f032c399babd23bfc31fed1c170afc848bdb1',
  },
];

/**
 * What is wrong with the copy of `file` at `path`, or null if it is the very file.
 *
 * Shape: the end of a sentence that begins with the file's name. Cost: reads the file as a stream (23 MB in 0.1 s), never
 * holding the event loop for more than one 64 KiB block.
 */
export async function flawOf(path: string, file: ModelFile): Promise<string | null> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isFile()) return 'is missing';
  if (found.size !== file.sizeBytes) return `has ${found.size} bytes instead of ${file.sizeBytes}`;
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex') === file.sha256 ? null : 'has the wrong SHA-256';
}
