/** An id before all that are made. */
export const beforeAllIds = '00000000-0000-0000-0000-000000000000';

/**
 * The smallest id that can have been made at a time, for a look at the rows since then.
 *
 * Source: RFC 9562 section 5.7: a UUIDv7 begins with 48 bits of Unix milliseconds.
 */
export function idAt(unixMs: number): string {
  const hex = Math.max(0, Math.floor(unixMs)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
