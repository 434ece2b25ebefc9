/** Source: PostgreSQL's BLCKSZ, 8192 unless built otherwise; PGlite is not. */
export const pageBytes = 8_192;

/** Where a page's header keeps its checksum and the end of its free space. Source: PageHeaderData in bufpage.h. */
const checksumAt = 8;
const upperAt = 14;

const lanes = 32;
const prime = 16_777_619;

/** Where each of the 32 sums begins. Source: PostgreSQL, checksum_impl.h. */
const offsets = Uint32Array.from(
  [
    '5b1f36e9 b8525960 02ab50aa 1de66d2a 79ff467a 9bb9f8a3 217e7cd2 83e13d2c',
    'f8d4474f e39eb970 42c6ae16 993216fa 7b093b5d 98daff3c f718902a 0b1c9cdb',
    'e58f764b 187636bc 5d7b3bb1 e73de7de 92bec979 cca6c0b2 304a0979 85aa43d4',
    '783125bb 6ca8eaa2 e407eac6 4b5cfc3e 9fbf8c76 15ca20be f2ca9fd3 959bd756',
  ].flatMap((line) => line.split(' ').map((word) => Number.parseInt(word, 16))),
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
