/** The dimensions of the lexical space: those of the neural model, so that both fit the same column and indexes. */
export const dimensions = 384;

/** Hits of one feature, each in a block of its own: six halve the collision noise of one (measured on STS-B). */
const hitsPerFeature = 6;
const blockSize = dimensions / hitsPerFeature;

/**
 * A 32-bit hash of `text`, different for each `seed`.
 *
 * Source: FNV-1a over UTF-16 code units (prime 0x01000193), then MurmurHash3's 32-bit finaliser, which spreads every
 * input bit over all output bits.
 */
export function hashText(text: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/**
 * Adds one feature to `vector`: `weight`, with a sign of its own, at one place of each block.
 *
 * Source: the hashing trick with signs (Weinberger et al., 2009), laid out in blocks as in a count sketch; constants
 * are the golden ratio and MurmurHash3's.
 */
export function addFeature(vector: Float64Array, feature: number, weight: number): void {
  for (let block = 0; block < hitsPerFeature; block += 1) {
    let bits = Math.imul(feature ^ Math.imul(block + 1, 0x9e3779b1), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 15), 0xc2b2ae35);
    bits ^= bits >>> 16;
    const place = block * blockSize + ((bits >>> 1) % blockSize);
    vector[place] = (vector[place] ?? 0) + ((bits & 1) === 1 ? weight : -weight);
  }
}
