/** Source: PostgreSQL's BLCKSZ, 8192 unless built otherwise; PGlite is not. */
export const pageBytes = 8_192;

/** Where a page's header keeps its checksum and the end of its free space. Source: PageHeaderData in bufpage.h. */
const checksumAt = 8;
const upperAt = 14;

const lanes = 32;
const prime = 16_777_619;

/** Where each of the 32 sums begins. Source: PostgreSQL, checksum_impl.h. */
const offsets = Uint32Array.of(
  ...[0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c],
  ...[0xf8d4474f, 0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb],
  ...[0xe58f764b, 0x187636bc, 0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4],
  ...[0x783125bb, 0x6ca8eaa2, 0xe407eac6, 0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756],
);

/**
 * Whether a page of a data file is what PostgreSQL wrote there: its checksum fits, or it was never used.
 *
 * Shape: `page` is `pageBytes` long; `block` is its number within its relation.
 * Cost: about 10 microseconds.
 * Source: PostgreSQL's checksum_impl.h: 32 FNV-1a sums side by side, folded, mixed with the block's number.
 */
export function isPageWhole(page: Buffer, block: number): boolean {
  if (page.readUInt16LE(upperAt) === 0) return page.every((byte) => byte === 0);
  return page.readUInt16LE(checksumAt) === checksum(page, block);
}

function checksum(page: Buffer, block: number): number {
  const sums = Uint32Array.from(offsets);
  const words = pageBytes / 4;
  for (let index = 0; index < words; index += 1) {
    // The checksum counts as zero in its own sum; it is the lower half of its word.
    const word = index === checksumAt / 4 ? page.readUInt16LE(checksumAt + 2) * 0x1_0000 : page.readUInt32LE(index * 4);
    mix(sums, index % lanes, word);
  }
  for (let index = 0; index < 2 * lanes; index += 1) mix(sums, index % lanes, 0);
  let folded = block;
  for (const sum of sums) folded ^= sum;
  return ((folded >>> 0) % 65_535) + 1;
}

function mix(sums: Uint32Array, lane: number, word: number): void {
  const mixed = ((sums[lane] ?? 0) ^ word) >>> 0;
  sums[lane] = Math.imul(mixed, prime) ^ (mixed >>> 17);
}
