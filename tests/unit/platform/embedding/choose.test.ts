import { createHash } from 'node:crypto';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../../../src/config.js';
import { modelFlaw } from '../../../../src/platform/embedding/choose.js';
import { modelFacts } from '../../../../src/platform/embedding/open-spaces.js';
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

test('a model whose files are all right has no flaw', async () => {
  const { modelDir, files } = await modelDirectory();
  expect(await modelFlaw(modelDir, files)).toBeNull();
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

test.for(flaws)('a %s file is never loaded: it is named with what is wrong', async ([, spoil, why]) => {
  const { modelDir, files, pathOf } = await modelDirectory();
  await spoil(pathOf('onnx/model_quantized.onnx'));
  expect(await modelFlaw(modelDir, files)).toMatch(why);
  const neural = { ...loadConfig({ EMBEDDER: 'neural', MODEL_DIR: modelDir }).embedding };
  await expect(modelFacts(neural, files)).rejects.toThrow(why);
  await expect(modelFacts(neural, files)).rejects.toThrow('npm run model:fetch');
});

test('lexical never looks for files', async () => {
  const { modelDir, files } = await modelDirectory();
  const lexical = loadConfig({ EMBEDDER: 'lexical', MODEL_DIR: modelDir }).embedding;
  expect(await modelFacts(lexical, files)).toMatchObject({ flaw: 'EMBEDDER=lexical' });
});

test('the real file table is asked for by default', async () => {
  const { modelDir } = await modelDirectory();
  expect(await modelFlaw(modelDir)).toMatch(/tokenizer_config\.json has \d+ bytes instead of 366/);
});
