/**
 * The form of a message to postlogd(8):
 *
 *   Nov 03 07:08:09 host tag[pid]: message
 *
 * No terminator. The host is the first label of myhostname. Follows
 * src/util/msg_logger.c and src/util/unix_dgram_connect.c.
 *
 * One datagram may have several messages, with line feeds between: postlogd
 * writes what it gets to its file and adds a line feed. That saves most of the
 * work, as with each datagram postlogd tells master(8) twice how busy it is.
 */
import { FatalError } from '../errors.ts';
import { fitsSocketAddress } from '../system/socket-path.ts';
import { headEachSecond, type LineHead, printableText, shortTime, withSeverity } from './line.ts';
import { SocketChannel } from './socket-channel.ts';

/**
 * postlogd reads 4096 bytes of a datagram. Where maillog_file has been emptied, it
 * hands 2000 on to syslog until its clients are gone, so that nothing is cut there.
 */
const mostJoinedBytes = 2000;

/** @throws FatalError when the path is longer than an address can hold. */
export function postlogChannel(path: string): SocketChannel {
  if (!fitsSocketAddress(path)) {
    throw new FatalError(`unix_dgram_connect: unix-domain name too long: ${path}`);
  }
  return new SocketChannel(path, { mostJoinedBytes });
}

/** `tag` is printable; `hostname` may be qualified. */
export function postlogHead(tag: string, hostname: string, nowMs?: () => number): LineHead {
  const host = printableText(hostname.split('.', 1)[0]!, false);
  return headEachSecond((date, severity) => {
    return `${shortTime(date, '0')} ${host} ${tag}[${process.pid}]: ${withSeverity(severity, '')}`;
  }, nowMs);
}
