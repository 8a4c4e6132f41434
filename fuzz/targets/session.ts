/** What `show` makes of a session, and `status --ticket` of a ticket. */
import assert from 'node:assert/strict';
import { TlsmgrError } from '../../src/errors.ts';
import { decodeOpensslSession } from '../../src/openssl/session.ts';
import { latin1, type Target } from '../target.ts';

const masterSecret = 'M'.repeat(48);

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const number = (value: number): Buffer => der(0x02, Buffer.from([value >> 8, value & 0xff]));
const explicit = (tag: number, element: Buffer): Buffer => der(0xa0 + tag, element);

const session = der(
  0x30,
  Buffer.concat([
    number(1),
    number(0x0304),
    der(0x04, Buffer.from([0x13, 0x02])),
    der(0x04, Buffer.alloc(32, 'i')),
    der(0x04, latin1(masterSecret)),
    explicit(1, number(12_345)),
    explicit(2, number(7200)),
    explicit(5, number(0)),
    explicit(6, der(0x04, latin1('mail.example.com'))),
    explicit(9, number(300)),
    explicit(10, der(0x04, Buffer.alloc(200, 't'))),
  ]),
);

export const sessionTarget: Target = {
  name: 'session',
  promise: 'a session is shown without its master secret, or refused with one message',
  seeds: [session],
  words: [
    explicit(3, der(0x30, Buffer.alloc(4))),
    number(1),
    der(0x04, Buffer.alloc(0)),
    Buffer.from([0x30, 0x80]),
    Buffer.from([0x84, 0xff, 0xff, 0xff, 0xff]),
  ],
  run(input) {
    try {
      const shown = JSON.stringify(decodeOpensslSession(input));
      assert.ok(!shown.includes(masterSecret), 'shows the master secret');
    } catch (thrown) {
      assert.ok(
        thrown instanceof TlsmgrError,
        `not refused, but failed: ${(thrown as Error).name}`,
      );
      assert.ok(!thrown.message.includes(masterSecret), 'tells the master secret');
    }
  },
};
