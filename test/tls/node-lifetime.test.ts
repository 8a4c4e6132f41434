/**
 * How long sessions live at a tls.Server of Node, shown without waiting: the
 * tests know the ticket keys, and make tickets older. Nothing of ours is used
 * but for the way to set the callback.
 */
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { TlsOptions } from 'node:tls';
import { afterEach, describe, test } from 'node:test';
import {
  type CallbackKey,
  installCallback,
  type NativeContext,
  ticketKeyCallback,
} from '../../src/tls/key-callback.ts';
import { portOf, startServer, versions, visit } from './handshakes.ts';

const ends: (() => unknown)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

/** Renews every ticket that it opens. */
async function serve(key: CallbackKey, options: TlsOptions = {}): Promise<number> {
  const server = await startServer(options);
  ends.push(() => server.close());
  const { context } = (server as unknown as { _sharedCreds: { context: NativeContext } })
    ._sharedCreds;
  const callback = ticketKeyCallback({
    sealing: () => key,
    named: () => key,
    renews: () => true,
  });
  assert.ok(installCallback(context, callback));
  return portOf(server);
}

function someKey(): CallbackKey {
  return { name: randomBytes(16), aes: randomBytes(16), hmac: randomBytes(32) };
}

/** A ticket: 16 bytes of the key's name, 16 of iv, the sealed session, 32 of HMAC. */
function ticketIn(session: Buffer, { name }: CallbackKey): Buffer {
  const start = session.indexOf(name);
  assert.ok(start >= 4, 'a ticket of this key');
  // An OCTET STRING longer than 127 bytes.
  const bytes = session[start - 2] === 0x81 ? session[start - 1]! : session.readUInt16BE(start - 2);
  return session.subarray(start, start + bytes);
}

function open(ticket: Buffer, { aes }: CallbackKey): Buffer {
  const decipher = createDecipheriv('aes-128-cbc', aes, ticket.subarray(16, 32));
  return Buffer.concat([decipher.update(ticket.subarray(32, -32)), decipher.final()]);
}

/** Where the sealed session tells when its life began: [1] EXPLICIT INTEGER of four bytes. */
function birthAt(sealed: Buffer): number {
  const start = sealed.indexOf(Buffer.from('a1060204', 'hex'));
  assert.ok(start > 0 && sealed[start + 8] === 0xa2, 'the time of a session, then [2]');
  return start + 4;
}

function birthOf(session: Buffer, key: CallbackKey): number {
  const sealed = open(ticketIn(session, key), key);
  return sealed.readUInt32BE(birthAt(sealed));
}

/** The session with a ticket that says of itself that it is so much older. */
function aged(session: Buffer, key: CallbackKey, seconds: number): Buffer {
  const older = Buffer.from(session);
  const ticket = ticketIn(older, key);
  const sealed = open(ticket, key);
  const at = birthAt(sealed);
  sealed.writeUInt32BE(sealed.readUInt32BE(at) - seconds, at);
  const cipher = createCipheriv('aes-128-cbc', key.aes, ticket.subarray(16, 32));
  Buffer.concat([cipher.update(sealed), cipher.final()]).copy(ticket, 32);
  createHmac('sha256', key.hmac)
    .update(ticket.subarray(0, -32))
    .digest()
    .copy(ticket, ticket.length - 32);
  return older;
}

describe('the life of a session at a tls.Server of Node', () => {
  for (const version of versions) {
    test(`${version}: 7200 s, whatever the documentation says, or what sessionTimeout tells`, async () => {
      const key = someKey();
      const [usual, short] = [await serve(key), await serve(key, { sessionTimeout: 60 })];
      for (const [port, seconds] of [
        [usual, 7200],
        [short, 60],
      ] as const) {
        const { session } = await visit(port, version);
        const late = await visit(port, version, aged(session!, key, seconds - 10));
        assert.equal(late.resumed, true);
        const over = await visit(port, version, aged(session!, key, seconds + 1));
        assert.equal(over.resumed, false);
      }
    });

    const what = version === 'TLSv1.3' ? 'begins again with' : 'is not made longer by';
    test(`${version}: ${what} a renewal`, async () => {
      const key = someKey();
      const port = await serve(key);
      const first = await visit(port, version);
      const old = aged(first.session!, key, 1000);
      const again = await visit(port, version, old);
      assert.equal(again.resumed, true);
      assert.ok(!ticketIn(again.session!, key).equals(ticketIn(old, key)), 'a new ticket');
      const youngerSeconds = birthOf(again.session!, key) - birthOf(old, key);
      if (version === 'TLSv1.3') {
        assert.ok(youngerSeconds >= 1000, `${youngerSeconds} s`);
      } else {
        assert.equal(youngerSeconds, 0);
      }
    });
  }
});
