/** The share of the right ones among the first five. */
export const precisionAt5 = (hits: readonly boolean[]): number =>
  mean([0, 1, 2, 3, 4].map((place) => Number(hits[place] ?? false)));

/** Source: Järvelin and Kekäläinen (2002), gain 1 for the same label; ten right ones are the ideal. */
export function gainAt10(hits: readonly boolean[]): number {
  const discounts = Array.from({ length: 10 }, (_, place) => 1 / Math.log2(place + 2));
  const ideal = discounts.reduce((total, discount) => total + discount, 0);
  return discounts.reduce((total, discount, place) => total + (hits[place] === true ? discount : 0), 0) / ideal;
}

/** `size` items, evenly spread. */
export function sampleOf<T>(items: readonly T[], size: number): T[] {
  const step = Math.max(1, items.length / size);
  return Array.from({ length: Math.min(size, items.length) }, (_, index) => items[Math.floor(index * step)] as T);
}

/** The mean of some figures. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
