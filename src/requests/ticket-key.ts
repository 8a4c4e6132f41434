/**
 * tktkey: the key that seals new session tickets, or the key with a given name.
 *
 *     request=tktkey keyname=DATA        ; 0 or 16 bytes
 *     status keybuf=DATA                 ; 88 bytes, tickets/ticket-key.ts
 *
 * If the name is unknown or its key too old, the reply is -1 and that name. If the
 * name is empty, the reply is -1 only while smtpd's lifetime is 0, as this reply
 * makes clients break off handshakes. Source: src/tlsmgr/tlsmgr.c,
 * src/tls/tls_scache.c.
 */
import type { LogWarning } from '../log/logger.ts';
import { type Encoder, encodedName } from '../protocol/encoder.ts';
import { status } from '../protocol/names.ts';
import { isLater, type MaybeLater } from '../system/later.ts';
import type { KeySource } from '../tickets/key-source.ts';
import { keyNameBytes, ticketKeyBytes } from '../tickets/ticket-key.ts';
import { type RequestType, type WriteReply, writeRefusal } from './request-type.ts';

const keybufName = encodedName('keybuf');

export function ticketKeyRequest(keys: KeySource, warn: LogWarning): RequestType {
  const type: RequestType = {
    name: 'tktkey',
    attributes: [{ name: 'keyname', kind: 'data' }],
    reply: [{ name: 'keybuf', kind: 'data' }],
    handle(args, reply) {
      const { buffer, start, end } = args.spans[0]!;
      const length = end - start;
      if (length !== 0 && length !== keyNameBytes) {
        warn('invalid ticket key name', () => {
          return `invalid session ticket key name length: ${length}`;
        });
        return writeRefusal(type, status.fail, reply);
      }
      if (keys.state !== 'serving') {
        return writeRefusal(type, status.error, reply);
      }
      const key: MaybeLater<Buffer | undefined> =
        length === 0 ? keys.current() : keys.named(buffer, start);
      return isLater(key)
        ? answerLater(key, Buffer.from(buffer.subarray(start, end)))
        : answer(key, buffer, start, end, reply);
    },
  };
  return type;
}

/** @param names with the name that was asked for at [start, end). */
function answer(
  key: Buffer | undefined,
  names: Buffer,
  start: number,
  end: number,
  reply: Encoder,
): number {
  if (key === undefined) {
    reply.status(status.error);
    reply.data(keybufName, names, start, end);
    reply.end();
    return status.error;
  }
  reply.status(status.ok);
  reply.data(keybufName, key, 0, ticketKeyBytes);
  reply.end();
  return status.ok;
}

/** A promised key belongs to us (key-source.ts), so it is overwritten after use. */
async function answerLater(
  promised: Promise<Buffer | undefined>,
  name: Buffer,
): Promise<WriteReply> {
  const key = await promised;
  return (reply) => {
    const code = answer(key, name, 0, name.length, reply);
    key?.fill(0);
    return code;
  };
}
