/**
 * The form of a message to postlogd(8):
 *
 *   Nov 03 07:08:09 host tag[pid]: message
 *
 * No terminator. postlogd takes it apart again, so nothing may be added. The
 * host is the first label of myhostname. Follows src/util/msg_logger.c and
 * src/util/unix_dgram_connect.c.
 */
import { FatalError } from '../errors.ts';
import { fitsSocketAddress } from '../system/socket-path.ts';
import { headEachSecond, type LineHead, printableText, shortTime, withSeverity } from './line.ts';
import { SocketChannel } from './socket-channel.ts';

/** @throws FatalError when the path is longer than an address can hold. */
export function postlogChannel(path: string): SocketChannel {
  if (!fitsSocketAddress(path)) {
    throw new FatalError(`unix_dgram_connect: unix-domain name too long: ${path}`);
  }
  return new SocketChannel(path, false);
}

/** `tag` is printable; `hostname` may be qualified. */
export function postlogHead(tag: string, hostname: string, nowMs?: () => number): LineHead {
  const host = printableText(hostname.split('.', 1)[0]!, false);
  return headEachSecond((date, severity) => {
    return `${shortTime(date, '0')} ${host} ${tag}[${process.pid}]: ${withSeverity(severity, '')}`;
  }, nowMs);
}
