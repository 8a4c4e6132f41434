/**
 * Whether a request's Host names us. A web page of somebody else's, whose name
 * is made to point at 127.0.0.1 (DNS rebinding), has the visitor's browser send
 * that name: it gets no answer. An address proves that no name was involved;
 * localhost, the name that was configured and this host's own can't be pointed
 * elsewhere by a stranger. RFC 9110 7.2, RFC 6761 6.3.
 */
import { isIP } from 'node:net';

/**
 * @param header the Host header; undefined in a request of HTTP/1.0, which no browser sends.
 * @param own names that are ours, in lower case.
 */
export function isAllowedHost(header: string | undefined, own: ReadonlySet<string>): boolean {
  if (header === undefined) {
    return true;
  }
  const match = /^(?:\[(?<ipv6>[^\]]+)\]|(?<name>[^:]+))(?::\d{1,5})?$/u.exec(header);
  const host = (match?.groups?.['ipv6'] ?? match?.groups?.['name'] ?? '').toLowerCase();
  const name = host.endsWith('.') ? host.slice(0, -1) : host;
  return isIP(name) !== 0 || name === 'localhost' || own.has(name);
}
