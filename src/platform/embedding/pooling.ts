/** The model's answer to a run: for each window and token one row of `dimensions` numbers. */
interface TokenVectors {
  data: Float32Array;
  /** Tokens of each window, padding included. */
  paddedLength: number;
  dimensions: number;
}

/**
 * The mean of the vectors of a window's own tokens, padding left out, made of length 1.
 *
 * Source: mean pooling as the model was trained (sentence-transformers/all-MiniLM-L6-v2, "Usage").
 */
export function meanOfTokens(
  { data, paddedLength, dimensions }: TokenVectors,
  row: number,
  tokens: number,
): Float32Array {
  const mean = new Float32Array(dimensions);
  for (let token = 0; token < tokens; token += 1) {
    const start = (row * paddedLength + token) * dimensions;
    addTo(mean, data.subarray(start, start + dimensions));
  }
  return normalise(mean);
}

/** Adds `vector` to `sum`, in place. */
export function addTo(sum: Float32Array, vector: Float32Array): void {
  for (let index = 0; index < sum.length; index += 1) sum[index] = (sum[index] ?? 0) + (vector[index] ?? 0);
}

/** The vector itself, scaled in place to length 1; a zero vector stays zero. */
export function normalise(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  if (length > 0) for (let index = 0; index < vector.length; index += 1) vector[index] = (vector[index] ?? 0) / length;
  return vector;
}
