import { expect, it } from 'vitest';
import { sourceAddress, sourceFrom, trustedProxies, vouchedSource } from './source.ts';

const none = trustedProxies({});
const proxies = trustedProxies({ CONTIGUA_TRUSTED_PROXIES: '10.0.0.2, 172.16.0.0/12,fd00::/8' });

it.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['::1', '0:0:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  [undefined, 'unknown'],
])('counts %s for %s', (peer, source) => {
  expect(sourceAddress(peer, null, none)).toBe(source);
});

it.each<[string, string, string]>([
  ['10.0.0.2', '203.0.113.9', '203.0.113.9'],
  ['10.0.0.2', '1.1.1.1, 203.0.113.9', '203.0.113.9'],
  ['10.0.0.2', '203.0.113.9, 172.20.0.1', '203.0.113.9'],
  ['::ffff:10.0.0.2', '203.0.113.9', '203.0.113.9'],
  ['fd00::5', '2001:db8::1', '2001:db8:0:0::/64'],
  ['10.0.0.2', 'nonsense', '10.0.0.2'],
  ['10.0.0.2', '203.0.113.9, nonsense', '10.0.0.2'],
  ['203.0.113.7', '1.1.1.1', '203.0.113.7'],
])('asked by %s for %j, counts for %s', (peer, header, source) => {
  expect(sourceAddress(peer, header, proxies)).toBe(source);
  expect(sourceAddress(peer, header, none)).toBe(sourceAddress(peer, null, none));
});

it('believes the web process alone', () => {
  expect(sourceFrom(vouchedSource('10.0.0.1', 'secret'), 'secret')).toBe('10.0.0.1');
  for (const header of [null, '', '10.0.0.1', vouchedSource('10.0.0.1', 'guess'), 'secret', ' 10.0.0.1']) {
    expect(sourceFrom(header, 'secret')).toBe('unknown');
  }
  expect(sourceFrom(' 10.0.0.1', '')).toBe('unknown');
});

it.each(['proxy.lab', '10.0.0.2/33', '10.0.0.0/0', '10.0.0.2/', '10.0.0.2/x', 'fd00::/129'])(
  'refuses %j as a proxy',
  (text) => {
    expect(() => trustedProxies({ CONTIGUA_TRUSTED_PROXIES: text })).toThrow(/not the address of a proxy/);
  },
);
