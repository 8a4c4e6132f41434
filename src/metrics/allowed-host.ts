/**
 * Whether the Host header of a request names us. A stranger can make the name of
 * his web page point at 127.0.0.1 (DNS rebinding). The visitor's browser then
 * sends that name in the header, and gets no answer. An address is allowed, as
 * no name was looked up. So are localhost, the configured name and this host's
 * own name, as a stranger can't make them point elsewhere. RFC 9110 7.2, RFC
 * 6761 6.3.
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
