/** The years that everything here can hold: 1 to 9999. */
const [earliestMs, latestMs] = [Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')];
/** Offsets in use reach from -12 to +14 hours; PostgreSQL takes fewer than 16. */
const offsetHours = /[+-](\d\d):?\d\d$/;
const maxOffsetHours = 14;
/** A date, a time, nine digits of a second and an offset. PostgreSQL refuses hundreds of digits. */
const maxLength = 40;

/** What a moment must keep to, in words for whoever sent one. */
export const instantHint =
  'must lie in the years 1 to 9999 (UTC), with an offset of at most 14 hours, in at most 40 characters';

/** Whether a moment, ISO 8601 with `Z` or an offset, can be stored and compared. */
export function isInstant(time: string): boolean {
  const ms = Date.parse(time);
  const hours = Number(offsetHours.exec(time)?.[1] ?? 0);
  return time.length <= maxLength && hours <= maxOffsetHours && ms >= earliestMs && ms <= latestMs;
}
