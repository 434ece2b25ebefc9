import { monitorEventLoopDelay } from 'node:perf_hooks';
import { AutoTokenizer, env, pipeline } from '@xenova/transformers';
import { basename, dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { realModelPath, standInPath, testEmbedder } from '../support/embedding.js';

const space = { name: 'all-MiniLM-L6-v2-q8', dimensions: 384 };
const interactive = { lane: 'interactive', scope: 'project' } as const;
const background = { lane: 'background', scope: 'project' } as const;

const dot = (one: Float32Array, other: Float32Array): number =>
  one.reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0);

/** Sentences of many lengths, none of them the same. */
const sentences = (count: number, subject: string): string[] =>
  Array.from({ length: count }, (_, index) => `${subject} ${index} ${'and more words '.repeat(index % 20)}`);

async function vectorsOf(path: string, texts: readonly string[]): Promise<Float32Array[]> {
  await using under = testEmbedder({ model: { kind: 'neural', space, path } });
  return (await under.embedder.embed(texts, interactive)).map(({ vector }) => vector);
}

describe.skipIf(standInPath === null)('with the random-weight stand-in (../shared/models/minilm-shape-random)', () => {
  const model = { kind: 'neural' as const, space, path: standInPath };

  test('vectors have the space’s dimensions and length 1, and the model’s telemetry is off', async () => {
    await using under = testEmbedder({ model });
    const [embedded] = await under.embedder.embed(['a text'], interactive);
    expect(embedded?.vector).toHaveLength(384);
    expect(Math.hypot(...(embedded?.vector ?? []))).toBeCloseTo(1, 5);
    expect(process.env['ORT_DISABLE_TELEMETRY']).toBe('1');
  });

  test('a text’s vector is the same in a batch of mixed lengths and alone, and answers keep the order asked', async () => {
    await using under = testEmbedder({ model });
    const texts = sentences(30, 'a question about cats');
    const together = await under.embedder.embed(texts, background);
    for (const [index, text] of texts.entries()) {
      const [alone] = await under.embedder.embed([text], { lane: 'interactive', scope: 'another project' });
      expect(dot(alone?.vector ?? new Float32Array(), together[index]?.vector ?? new Float32Array())).toBeGreaterThan(
        0.999,
      );
    }
  });

  test('short texts have the vectors of transformers.js’s own pipeline, and its marks around their tokens', async () => {
    env.localModelPath = dirname(standInPath ?? '');
    const name = basename(standInPath ?? '');
    const tokenizer = await AutoTokenizer.from_pretrained(name, { local_files_only: true });
    expect(tokenizer.encode('This is an example sentence')).toEqual([101, 2023, 2003, 2019, 2742, 6251, 102]);
    const library = await pipeline('feature-extraction', name, { dtype: 'q8', local_files_only: true });
    const text = 'how do I reset my password?';
    const theirs = await library(text, { pooling: 'mean', normalize: true });
    const [ours = new Float32Array()] = await vectorsOf(standInPath ?? '', [text]);
    expect(dot(ours, theirs.data as Float32Array)).toBeGreaterThan(0.9999);
    await library.dispose();
  });

  test('a text longer than the model’s window is the mean of windows, and its end counts', async () => {
    await using under = testEmbedder({ model });
    const long = 'word '.repeat(1_000);
    const [plain, other] = await under.embedder.embed([long, `${long} quite another ending of this text`], interactive);
    expect(plain?.isTruncated).toBe(false);
    expect(Math.hypot(...(plain?.vector ?? []))).toBeCloseTo(1, 5);
    expect(dot(plain?.vector ?? new Float32Array(), other?.vector ?? new Float32Array())).toBeLessThan(0.99999);
  });

  test('100 000 characters of prose are embedded whole, and a search asked meanwhile is answered first', async () => {
    await using under = testEmbedder({ model });
    const prose = 'the quick brown fox jumps over lazy dogs. '.repeat(2_400).slice(0, 100_000);
    let isLongDone = false;
    const long = under.embedder.embed([prose], interactive).then(([embedded]) => {
      isLongDone = true;
      return embedded;
    });
    await under.embedder.embed(['a search'], interactive);
    expect(isLongDone).toBe(false);
    expect((await long)?.isTruncated).toBe(false);
  });

  test('a text of no tokens still has a vector', async () => {
    await using under = testEmbedder({ model });
    expect((await under.embedder.embed(['\u0001\u200b'], interactive))[0]?.vector).toHaveLength(384);
  });

  test('the event loop is not held while 500 texts are embedded', async () => {
    await using under = testEmbedder({ model, queueLimit: 500 });
    await under.embedder.embed(['loaded'], interactive);
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    await under.embedder.embed(sentences(500, 'a sentence'), background);
    delay.disable();
    // On the main thread one micro-batch of 64 such texts holds the loop for more than 100 ms at a time.
    expect(delay.percentile(90) / 1e6).toBeLessThan(50);
  });

  test('closing while the model runs finishes the run and leaves the process alive', async () => {
    await using under = testEmbedder({ model });
    const running = under.embedder.embed(sentences(60, 'a last sentence'), interactive);
    await under.embedder.close();
    expect(await running).toHaveLength(60);
  });

  test('a folder without a model is refused as overloaded, and nothing is fetched', async () => {
    await using under = testEmbedder({ model: { ...model, path: `${standInPath}-absent` } });
    await expect(under.embedder.embed(['text'], interactive)).rejects.toMatchObject({ kind: 'overloaded' });
  });
});

/** Source: the published figures of the fp32 model; q8 differs in the second decimal. */
const published = [
  ['That is a very happy person', 0.943],
  ['That is a happy dog', 0.695],
  ['Today is a sunny day', 0.257],
] as const;

test('with the real model, similarities are the published ones', async ({ skip }) => {
  skip(realModelPath === null, 'the real model is not here: fetch it, or name its folder by MODEL_DIR');
  const texts = ['That is a happy person', ...published.map(([text]) => text)];
  const [query = new Float32Array(), ...others] = await vectorsOf(realModelPath ?? '', texts);
  for (const [index, [, similarity]] of published.entries()) {
    expect(Math.abs(dot(query, others[index] ?? new Float32Array()) - similarity)).toBeLessThan(0.05);
  }
});
