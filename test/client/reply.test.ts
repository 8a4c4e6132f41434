import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Reply } from '../../src/client/reply.ts';
import { TlsmgrError } from '../../src/errors.ts';
import { Decoder } from '../../src/protocol/decoder.ts';

const name = fc.stringMatching(/^[a-z_]{1,12}$/u);
const value = fc.stringMatching(/^[ -~\n\t]{0,40}$/u);
const attributes = fc.uniqueArray(fc.tuple(name, value), {
  maxLength: 10,
  selector: ([one]) => one,
});

function encoded(list: readonly (readonly [string, string])[]): Buffer {
  return Buffer.from(`${list.map(([key, said]) => `${key}\0${said}\0`).join('')}\0`);
}

/** Pushes the bytes in pieces, and overwrites each, as a connection does. @returns what was read of each list. */
function readAll<T>(bytes: Buffer, pieceBytes: number, read: (reply: Reply) => T): T[] {
  const decoder = new Decoder(1 << 20);
  const reply = new Reply(decoder);
  const all: T[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    decoder.push(piece);
    while (decoder.next() === 'list') {
      all.push(read(reply));
    }
    decoder.keepRest();
    piece.fill(0xff);
  }
  return all;
}

describe('a reply', () => {
  test('is read whole, whatever its order and in whatever pieces it comes', () => {
    fc.assert(
      fc.property(
        fc.array(attributes, { maxLength: 5 }),
        fc.integer({ min: 1, max: 70 }),
        (lists, size) => {
          const bytes = Buffer.concat(lists.map((list) => encoded(list)));
          const wanted = lists.values();
          const read = readAll(bytes, size, (reply) => {
            const list = wanted.next().value!;
            assert.deepEqual(
              reply.names,
              list.map(([key]) => key),
            );
            return list.toReversed().map(([key]) => reply.text(key));
          });
          assert.deepEqual(
            read,
            lists.map((list) => list.toReversed().map(([, said]) => said)),
          );
        },
      ),
    );
  });

  test('gives bytes that stay when the next one is read', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 500 }),
        (sessions, size) => {
          const bytes = Buffer.concat(
            sessions.map((session) =>
              encoded([
                ['status', '0'],
                ['session', Buffer.from(session).toString('base64')],
              ]),
            ),
          );
          const read = readAll(bytes, size, (reply) => reply.data('session'));
          assert.deepEqual(
            read,
            sessions.map((session) => Buffer.from(session)),
          );
          assert.ok(read.every((one) => one.buffer.byteLength === one.length));
        },
      ),
    );
  });

  test('of any bytes is read or refused with UNAVAILABLE, nothing else', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc
        .array(fc.constantFrom('status', 'seed', '0', '-1', '\0', '\0\0', 'QUJD', '=', 'QQ='), {
          maxLength: 30,
        })
        .map((words) => Buffer.from(words.join(''))),
    );
    fc.assert(
      fc.property(anything, fc.integer({ min: 1, max: 50 }), (bytes, size) => {
        readAll(bytes, size, (reply) => {
          for (const read of [
            () => assert.ok(Number.isInteger(reply.status)),
            () => assert.ok(Buffer.isBuffer(reply.data('seed'))),
            () => assert.equal(typeof reply.text('seed'), 'string'),
            () => assert.ok(Array.isArray(reply.names)),
          ]) {
            try {
              read();
            } catch (thrown) {
              assert.ok(thrown instanceof TlsmgrError);
              assert.equal(thrown.code, 'UNAVAILABLE');
            }
          }
        });
      }),
    );
  });
});
