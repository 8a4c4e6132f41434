/**
 * tktring: all keys of the ring, derived for a scope. So a program that isn't
 * Postfix never holds Postfix's own keys. Not a request of Postfix's clients.
 *
 *     request=tktring scope=STRING       ; 1 to 255 bytes
 *     status keys=DATA                   ; 88 bytes each, the one that seals first:
 *                                        ; tickets/scoped-key.ts
 *
 * The status is -1 while smtpd's lifetime is 0, as there are no tickets then.
 */
import type { LogWarning } from '../log/logger.ts';
import { type Encoder, encodedName } from '../protocol/encoder.ts';
import { status } from '../protocol/names.ts';
import { isLater } from '../system/later.ts';
import type { KeySource, SourceKey } from '../tickets/key-source.ts';
import { longestScopeBytes, scopedKeyBytes, writeScopedKey } from '../tickets/scoped-key.ts';
import { type RequestType, type WriteReply, writeRefusal } from './request-type.ts';

const keysName = encodedName('keys');

export function ticketRingRequest(keys: KeySource, warn: LogWarning): RequestType {
  const type: RequestType = {
    name: 'tktring',
    attributes: [{ name: 'scope', kind: 'string' }],
    reply: [{ name: 'keys', kind: 'data' }],
    handle(args, reply) {
      const { buffer, start, end } = args.spans[0]!;
      const length = end - start;
      if (length < 1 || length > longestScopeBytes) {
        warn('invalid scope', () => `invalid session ticket scope length: ${length}`);
        return writeRefusal(type, status.fail, reply);
      }
      if (keys.state !== 'serving') {
        return writeRefusal(type, status.error, reply);
      }
      const ring = keys.keys();
      const scope = buffer.subarray(start, end);
      return isLater(ring) ? answerLater(ring, Buffer.from(scope)) : answer(ring, scope, reply);
    },
  };
  return type;
}

function answer(ring: readonly SourceKey[], scope: Buffer, reply: Encoder): number {
  const bytes = Buffer.allocUnsafeSlow(ring.length * scopedKeyBytes);
  for (const [index, key] of ring.entries()) {
    writeScopedKey(bytes, index * scopedKeyBytes, key.bytes, key, scope);
  }
  reply.status(status.ok);
  reply.data(keysName, bytes, 0, bytes.length);
  reply.end();
  bytes.fill(0);
  return status.ok;
}

/** Promised keys belong to us (key-source.ts), so they are overwritten after use. */
async function answerLater(promised: Promise<SourceKey[]>, scope: Buffer): Promise<WriteReply> {
  const ring = await promised;
  return (reply) => {
    const code = answer(ring, scope, reply);
    for (const { bytes } of ring) {
      bytes.fill(0);
    }
    return code;
  };
}
