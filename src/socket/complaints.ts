/** What is logged of a client that doesn't keep to the protocol or to a limit. */
import type { Decoder } from '../protocol/decoder.ts';
import type { SocketServer } from './socket-server.ts';

export function tellUnreadReplies({ warn, peer, requestTimeSeconds }: SocketServer): void {
  warn('unread replies', () => {
    return `client does not read its replies from ${peer}: closed after ${requestTimeSeconds}s (tlsmgr_request_time_limit)`;
  });
}

export function tellUnfinished(
  { warn, peer, requestTimeSeconds }: SocketServer,
  request: Decoder,
): void {
  warn('unfinished request', () => {
    const what = request.breaksOffInWord ? 'unexpected end-of-input from' : 'timeout on';
    return `${what} ${peer} while reading ${partName(request)}: closed after ${requestTimeSeconds}s (tlsmgr_request_time_limit)`;
  });
}

export function tellTooLong({ counts, warn, peer, maxRequestBytes }: SocketServer): void {
  counts.sizeLimitHits += 1;
  warn('request too long', () => {
    return `request from ${peer} is longer than ${maxRequestBytes} bytes (tlsmgr_request_size_limit): closed`;
  });
}

/** The client has sent its last byte. C says nothing either of a request that ends just behind its name. */
export function tellEndWithin({ warn, peer }: SocketServer, request: Decoder): void {
  const { stringCount, breaksOffInWord, pendingBytes } = request;
  if (pendingBytes > 0 && (breaksOffInWord || stringCount !== 2)) {
    const part = partName(request);
    warn('end within a request', () => {
      return breaksOffInWord
        ? `unexpected end-of-input from ${peer} while reading ${part}`
        : `premature end-of-input on ${peer} while reading ${part}`;
    });
  }
}

function partName(request: Decoder): string {
  return (request.stringCount & 1) === 0 ? 'input attribute name' : 'input attribute value';
}
