import { createHash } from 'node:crypto';
import { cp, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { chooseEmbedder, lexicalSpace, neuralSpace } from '../../../../src/platform/embedding/choose.js';
import { type ModelFile, modelFiles, modelFolder } from '../../../../src/platform/embedding/model-files.js';

/** A model directory whose files have the model's names and contents of their own. */
async function modelDirectory(): Promise<{ modelDir: string; files: ModelFile[]; pathOf: (file: string) => string }> {
  const modelDir = await mkdtemp(join(tmpdir(), 'promptwell-models-'));
  onTestFinished(() => rm(modelDir, { recursive: true }));
  const pathOf = (file: string): string => join(modelFolder(modelDir), file);
  const files: ModelFile[] = [];
  for (const { path } of modelFiles) {
    const content = `content of ${path}`;
    await mkdir(dirname(pathOf(path)), { recursive: true });
    await writeFile(pathOf(path), content);
    files.push({ path, sizeBytes: content.length, sha256: createHash('sha256').update(content).digest('hex') });
  }
  return { modelDir, files, pathOf };
}

test.for(['auto', 'neural'] as const)('%s takes the neural model when all its files are right', async (embedder) => {
  const { modelDir, files } = await modelDirectory();
  const { model } = await chooseEmbedder({ embedder, modelDir }, files);
  expect(model).toEqual({ kind: 'neural', space: neuralSpace, path: modelFolder(modelDir) });
});

const flaws: [string, (path: string) => Promise<unknown>, RegExp][] = [
  ['missing', (path) => rm(path), /model_quantized\.onnx is missing/],
  ['truncated', (path) => truncate(path, 10), /model_quantized\.onnx has 10 bytes instead of \d+/],
  [
    'altered',
    async (path) => writeFile(path, (await readFile(path, 'utf8')).toUpperCase()),
    /model_quantized\.onnx has the wrong SHA-256/,
  ],
];

test.for(flaws)(
  'a %s file is never loaded: auto says why it serves lexically, neural names the command',
  async ([, spoil, why]) => {
    const { modelDir, files, pathOf } = await modelDirectory();
    await spoil(pathOf('onnx/model_quantized.onnx'));
    const { model, reason } = await chooseEmbedder({ embedder: 'auto', modelDir }, files);
    expect(model).toEqual({ kind: 'lexical', space: lexicalSpace, path: null });
    expect(reason).toMatch(why);
    const demanded = chooseEmbedder({ embedder: 'neural', modelDir }, files);
    await expect(demanded).rejects.toThrow(why);
    await expect(demanded).rejects.toThrow('npm run model:fetch');
  },
);

test('lexical never looks for files', async () => {
  const { modelDir, files } = await modelDirectory();
  const { model } = await chooseEmbedder({ embedder: 'lexical', modelDir }, files);
  expect(model.kind).toBe('lexical');
});

test('the real file table is asked for by default', async () => {
  const { modelDir, pathOf } = await modelDirectory();
  await cp(pathOf('config.json'), pathOf('config.bak'));
  const { reason } = await chooseEmbedder({ embedder: 'auto', modelDir });
  expect(reason).toMatch(/tokenizer_config\.json has \d+ bytes instead of 366/);
});
