import { expect, it } from 'vitest';
import { networkOf } from '../../../../src/platform/auth/network.js';

it('an IPv4 address counts alone, also when mapped into IPv6', () => {
  expect(networkOf('192.0.2.7')).toBe('192.0.2.7');
  expect(networkOf('::ffff:192.0.2.7')).toBe('192.0.2.7');
  expect(networkOf('::FFFF:192.0.2.7')).toBe('192.0.2.7');
});

it('IPv6 addresses of one /64 count as one, however they are written', () => {
  const network = '2001:db8:0:7::/64';
  for (const address of [
    '2001:db8:0:7::1',
    '2001:0DB8:0:07:ffff:ffff:ffff:ffff',
    '2001:db8::7:0:0:0:9',
    '2001:db8:0:7::%eth0',
  ])
    expect(networkOf(address)).toBe(network);
  expect(networkOf('2001:db8:0:8::1')).not.toBe(network);
  expect(networkOf('::1')).toBe('0:0:0:0::/64');
  expect(networkOf('64:ff9b::192.0.2.7')).toBe('64:ff9b:0:0::/64');
});

it('what is no address counts as itself', () => {
  expect(networkOf('unknown')).toBe('unknown');
  expect(networkOf('')).toBe('');
});
