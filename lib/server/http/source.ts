/**
 * Whom a request is counted for. The web server's socket tells the address, and `X-Forwarded-For` only where the socket's
 * other end is a proxy that CONTIGUA_TRUSTED_PROXIES names (addresses or subnets, separated by commas). What it found goes
 * on in a header together with the secret that web process and job host share, so that nobody else can claim a source.
 */
import { BlockList, isIP } from 'node:net';
import { ContiguaError } from '../../core/errors.ts';
import { sameSecret } from './secrets.ts';

export const SOURCE_HEADER = 'x-contigua-source';
/** Where nothing vouches for a source, all requests are counted together. */
export const UNKNOWN_SOURCE = 'unknown';

/** Throws `settings-invalid` for what is neither an address nor a subnet. */
export function trustedProxies(env: Readonly<Record<string, string | undefined>>): BlockList {
  const proxies = new BlockList();
  for (const entry of (env.CONTIGUA_TRUSTED_PROXIES ?? '').split(',')) {
    const [address = '', prefix] = entry.trim().split('/');
    if (address === '' && prefix === undefined) continue;
    const type = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const bits = Number(prefix ?? (type === 'ipv6' ? 128 : 32));
    if (isIP(address) === 0 || !Number.isInteger(bits) || bits < 1 || bits > (type === 'ipv6' ? 128 : 32)) {
      throw new ContiguaError('settings-invalid', 'This is not the address of a proxy', {
        file: 'CONTIGUA_TRUSTED_PROXIES',
        found: entry.trim(),
        expected: 'addresses or subnets, such as 10.0.0.2 or fd00::/8, separated by commas',
      });
    }
    proxies.addSubnet(address, bits, type);
  }
  return proxies;
}

/**
 * @param peer address of the socket's other end
 * @param forwardedFor the header; each proxy appends the address that it saw, so that it is read from the right
 * @returns an IPv4 address, or the first 64 bits of an IPv6 address, as one user usually has all of those
 */
export function sourceAddress(peer: string | undefined, forwardedFor: string | null, proxies: BlockList): string {
  let address = plainAddress(peer ?? '');
  const hops = (forwardedFor ?? '').split(',').map((hop) => plainAddress(hop.trim()));
  while (address !== null && hops.length > 0 && isListed(address, proxies)) {
    const before = hops.pop();
    if (before === undefined || before === null) break;
    address = before;
  }
  return address === null ? UNKNOWN_SOURCE : isIP(address) === 6 ? prefix64(address) : address;
}

export function isTrustedProxy(peer: string | undefined, proxies: BlockList): boolean {
  const address = plainAddress(peer ?? '');
  return address !== null && isListed(address, proxies);
}

export function vouchedSource(source: string, secret: string): string {
  return `${secret} ${source}`;
}

/** The source that the web server found; `unknown` where the header is missing or somebody else's. */
export function sourceFrom(header: string | null, secret: string): string {
  const [shown = '', source = ''] = (header ?? '').split(' ');
  return secret !== '' && source !== '' && sameSecret(shown, secret) ? source : UNKNOWN_SOURCE;
}

/** Without a zone, and IPv4 as IPv4; null for what is no address. */
function plainAddress(text: string): string | null {
  const address = text.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  return isIP(address) === 0 ? null : address;
}

function isListed(address: string, proxies: BlockList): boolean {
  return proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function prefix64(address: string): string {
  // The URL parser writes every IPv6 address one way.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return `${[...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':')}::/64`;
}
