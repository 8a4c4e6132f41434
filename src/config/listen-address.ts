/**
 * Where tlsmgr_metrics_listen has the metrics served: `HOST:PORT`,
 * `[IPV6]:PORT`, or the absolute path of a UNIX-domain socket. A host without a
 * port, a port without a host and a relative path are refused: the endpoint must
 * not be reachable from more places than somebody has written down.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { fitsSocketAddress } from '../system/socket-path.ts';

export type ListenAddress =
  | { kind: 'tcp'; host: string; port: number }
  | { kind: 'unix'; path: string };

/** @returns undefined when the text is none of the three. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text.startsWith('/')) {
    const fits = fitsSocketAddress(text) && !text.endsWith('/');
    return fits && !text.includes('\0') ? { kind: 'unix', path: text } : undefined;
  }
  const match = /^(?:\[(?<ipv6>[^\]]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5})$/u.exec(text);
  const { ipv6, name, port } = match?.groups ?? {};
  const host = ipv6 ?? name;
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    return undefined;
  }
  const valid = ipv6 === undefined ? isIPv4(host) || isHostname(host) : isIPv6(host);
  return valid ? { kind: 'tcp', host, port: Number(port) } : undefined;
}

/** As the address was written. */
export function addressText(address: ListenAddress): string {
  if (address.kind === 'unix') {
    return address.path;
  }
  const { host, port } = address;
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Labels of letters, digits and hyphens. The last one isn't a number: that would be an incomplete address. */
function isHostname(text: string): boolean {
  return (
    text.length <= 253 &&
    text.split('.').every((label) => /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/iu.test(label)) &&
    !/(?:^|\.)\d+$/u.test(text)
  );
}
