import { isIPv6 } from 'node:net';

/**
 * The network that counts as one caller: an IPv4 address itself, an IPv6 address's /64.
 *
 * Shape: `192.0.2.7`, `2001:db8:0:0::/64`; an IPv4-mapped address counts as IPv4; what is no address stays as it is.
 * Source: one subscriber holds a whole /64 and can change address within it at will (RFC 6177, RFC 8981).
 */
export function networkOf(address: string): string {
  const bare = (address.split('%')[0] ?? '').toLowerCase();
  if (!isIPv6(bare)) return bare;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare);
  if (mapped?.[1] !== undefined) return mapped[1];
  const [head = '', tail] = bare.split('::');
  const leading = groupsOf(head);
  const trailing = groupsOf(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - leading.length - trailing.length;
  const groups = [...leading, ...Array.from({ length: zeros }, () => '0'), ...trailing];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** The groups without leading zeros; a dotted tail stands for two, which the /64 never reaches. */
const groupsOf = (text: string): string[] =>
  text === ''
    ? []
    : text.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group.replace(/^0+(?=.)/, '')]));
