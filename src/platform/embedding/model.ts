import { basename, dirname, resolve } from 'node:path';
import {
  AutoModel,
  AutoTokenizer,
  env,
  type PreTrainedModel,
  type PreTrainedTokenizer,
  Tensor,
} from '@xenova/transformers';
import type { EmbeddedText, EmbeddingSpace } from './embedder.js';
import { addTo, meanOfTokens, normalise } from './pooling.js';
import type { EmbeddingModel } from './protocol.js';
import { cutWindows, planRuns, type TokenWindow } from './windows.js';

/** The marks that open and close each window. Source: the model's tokenizer.json, post_processor. */
const openingId = 101;
const closingId = 102;

/**
 * The neural model in the folder `path` (config.json, tokenizer.json, tokenizer_config.json, onnx/model_quantized.onnx).
 *
 * Shape: mean pooling, L2-normalised; a long text is the normalised mean of its windows.
 * Cost: 0.3 s and about 150 MB to load; then 1 ms for a short text alone, 45 to 60 microseconds a token.
 * Faults: throws what transformers.js throws when a file is absent or broken; nothing is ever fetched.
 */
export async function loadNeuralModel({
  path,
  space,
}: {
  path: string;
  space: EmbeddingSpace;
}): Promise<EmbeddingModel> {
  env.allowRemoteModels = false;
  env.localModelPath = dirname(resolve(path));
  const name = basename(path);
  const tokenizer = await AutoTokenizer.from_pretrained(name, { local_files_only: true });
  const model = await AutoModel.from_pretrained(name, {
    local_files_only: true,
    dtype: 'q8',
    session_options: { intraOpNumThreads: 1, interOpNumThreads: 1 },
  });
  return new NeuralModel({ space, tokenizer, model });
}

interface NeuralParts {
  space: EmbeddingSpace;
  tokenizer: PreTrainedTokenizer;
  model: PreTrainedModel;
}

class NeuralModel implements EmbeddingModel {
  readonly space: EmbeddingSpace;
  readonly #tokenizer: PreTrainedTokenizer;
  readonly #model: PreTrainedModel;

  constructor({ space, tokenizer, model }: NeuralParts) {
    this.space = space;
    this.#tokenizer = tokenizer;
    this.#model = model;
  }

  async embed(texts: readonly string[], giveWay: () => Promise<void>): Promise<EmbeddedText[]> {
    const embedded: EmbeddedText[] = [];
    const windows: TokenWindow[] = [];
    for (const [textIndex, text] of texts.entries()) {
      await giveWay();
      const cut = cutWindows(this.#tokenizer.encode(text, { add_special_tokens: false }));
      embedded.push({ vector: new Float32Array(this.space.dimensions), isTruncated: cut.isTruncated });
      for (const ids of cut.windows) windows.push({ textIndex, ids: [openingId, ...ids, closingId] });
    }
    for (const run of planRuns(windows)) {
      await giveWay();
      const vectors = await this.#run(run);
      for (const [row, { textIndex }] of run.entries()) addInto(embedded[textIndex], vectors[row]);
    }
    for (const { vector } of embedded) normalise(vector);
    return embedded;
  }

  async close(): Promise<void> {
    await this.#model.dispose();
  }

  async #run(run: readonly TokenWindow[]): Promise<Float32Array[]> {
    const inputs = inputTensors(run);
    const output = (await this.#model(inputs)) as { last_hidden_state: Tensor };
    const [, paddedLength = 0, dimensions = 0] = output.last_hidden_state.dims;
    const tokens = { data: output.last_hidden_state.data as Float32Array, paddedLength, dimensions };
    const vectors = run.map(({ ids }, row) => meanOfTokens(tokens, row, ids.length));
    for (const tensor of [...Object.values(inputs), output.last_hidden_state]) tensor.dispose();
    return vectors;
  }
}

function addInto(embedded: EmbeddedText | undefined, vector: Float32Array | undefined): void {
  if (embedded !== undefined && vector !== undefined) addTo(embedded.vector, vector);
}

function inputTensors(run: readonly TokenWindow[]): Record<'input_ids' | 'attention_mask' | 'token_type_ids', Tensor> {
  const length = Math.max(...run.map(({ ids }) => ids.length));
  const ids = new BigInt64Array(run.length * length);
  const mask = new BigInt64Array(run.length * length);
  for (const [row, window] of run.entries()) {
    ids.set(window.ids.map(BigInt), row * length);
    mask.fill(1n, row * length, row * length + window.ids.length);
  }
  const tensor = (data: BigInt64Array): Tensor => new Tensor('int64', data, [run.length, length]);
  return {
    input_ids: tensor(ids),
    attention_mask: tensor(mask),
    token_type_ids: tensor(new BigInt64Array(ids.length)),
  };
}
