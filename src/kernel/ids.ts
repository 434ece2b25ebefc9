/** The only source of randomness: replaced by a seeded one where a test needs the same ids twice. */
export interface Ids {
  /** A UUIDv7: sorts by creation time to the millisecond, in lower-case text form. */
  uuid(): string;
  /** A UUIDv7 of another time, for what was made then; those of one millisecond sort by `place` (0 to 4 095). */
  uuidAt(unixMs: number, place: number): string;
  /** `sizeBytes` random bytes (at least 16 for secrets) as unpadded base64url text. */
  secret(sizeBytes: number): string;
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * The UUIDv7 of a millisecond and ten random bytes.
 *
 * Shape: 36 characters; the first 48 bits are `unixMs`, so text order is time order.
 * Source: RFC 9562 section 5.7 (version nibble 7, variant bits 10).
 */
export function uuidV7(unixMs: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16);
  const high = Math.floor(unixMs / 2 ** 32);
  bytes[0] = high >>> 8;
  bytes[1] = high;
  for (let index = 2; index < 6; index += 1) bytes[index] = Math.floor(unixMs / 2 ** (8 * (5 - index)));
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const text = Array.from(bytes, (byte) => hex[byte] ?? '').join('');
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}

/**
 * Ids from the operating system's random source.
 *
 * Shape: ids made within one millisecond by one instance still ascend: a 12-bit counter takes the place of `rand_a`,
 * so that "newer" in a listing is the order of creation.
 * Source: RFC 9562 section 6.2, method 1 (fixed-length dedicated counter).
 */
export function systemIds(nowMs: () => number): Ids {
  let lastMs = 0;
  let counter = 0;
  const random = (sizeBytes: number): Uint8Array => globalThis.crypto.getRandomValues(new Uint8Array(sizeBytes));
  const placed = (place: number): Uint8Array => {
    const tail = random(10);
    tail[0] = place >>> 8;
    tail[1] = place;
    return tail;
  };
  return {
    uuid() {
      const now = nowMs();
      if (now > lastMs) {
        lastMs = now;
        counter = 0;
      } else if (counter === 0xfff) {
        lastMs += 1;
        counter = 0;
      } else {
        counter += 1;
      }
      return uuidV7(lastMs, placed(counter));
    },
    uuidAt: (unixMs, place) => uuidV7(unixMs, placed(place)),
    secret: (sizeBytes) => base64url(random(sizeBytes)),
  };
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
