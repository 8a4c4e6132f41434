/**
 * Tells which sessions stay on this host.
 *
 * - Sessions whose id has a loopback address. Such a peer is another one on each
 *   host: a filter, a server behind a tunnel, a service that listens on loopback.
 * - Sessions of TLS 1.3 in the cache of smtpd(8). smtpd stores one with each full
 *   handshake and never looks it up, as its tickets hold the whole session. It does
 *   look them up when main.cf forbids tickets.
 *
 * The ids that Postfix makes, and those of `tlsmgr/tls`, are fields with `&` between
 * them:
 *
 *     smtpd  DIGEST&s=SERVICE&l=NUMBER
 *     smtp   SERVICE&NEXTHOP&HOST&ADDRESS&HELO&DIGEST
 *
 * SERVICE may be `ADDRESS:PORT`. NEXTHOP may be `[ADDRESS]:PORT`.
 */
import { BlockList, isIP } from 'node:net';
import type { ByteSpan } from '../../sessions/session-cache.ts';

/** Fields that are looked at. Postfix's ids have six. */
const mostFields = 16;

const bracketed = /^\[(?:ipv6:)?([^\]]*)\](?::[^:]*)?$/iu;
const withPort = /^([^:]*):[^:]*$/u;
const servicePrefix = 's=';

/** In each id that has such an address, and in few others. */
const mayBeLoopback = /127\.|:0*1(?:[\]&%]|$)|:0\.0\.0\.1|ffff:7f|localhost/iu;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** @param id as text, one character a byte. */
export function isOfThisHost(id: string): boolean {
  if (!mayBeLoopback.test(id)) {
    return false;
  }
  return id.split('&', mostFields).some((field) => {
    if (!field.startsWith(servicePrefix)) {
      return isLoopback(hostOf(field));
    }
    const host = hostOf(field.slice(servicePrefix.length));
    return host.toLowerCase() === 'localhost' || isLoopback(host);
  });
}

/** Without brackets and port. */
function hostOf(text: string): string {
  return bracketed.exec(text)?.[1] ?? withPort.exec(text)?.[1] ?? text;
}

/** IPv4 addresses that are mapped into IPv6 count as well. */
function isLoopback(text: string): boolean {
  const [address] = text.split('%', 1);
  const family = isIP(address!);
  return family !== 0 && loopback.check(address!, family === 4 ? 'ipv4' : 'ipv6');
}

const derSequence = 0x30;
const derLongLength = 0x80;
/** INTEGER 1, the format; INTEGER 0x0304, the protocol. */
const startOfTls13 = Buffer.from([0x02, 0x01, 0x01, 0x02, 0x02, 0x03, 0x04]);

/** Whether bytes are a session of TLS 1.3 as OpenSSL writes it: a SEQUENCE that starts so. */
export function isTls13({ buffer, start, end }: ByteSpan): boolean {
  if (buffer[start] !== derSequence) {
    return false;
  }
  const length = buffer[start + 1] ?? 0;
  const at = start + 2 + (length < derLongLength ? 0 : length - derLongLength);
  const size = startOfTls13.length;
  return at + size <= end && buffer.compare(startOfTls13, 0, size, at, at + size) === 0;
}
