/**
 * Whether the ticket key callback of this Node does what is expected of it:
 * two handshakes in memory, with anonymous ciphers, no certificate and no
 * socket. The second one must open the ticket of an older key, and get one of
 * the newer. Takes 20 to 40 ms, once a process.
 */
import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { connect, createSecureContext, TLSSocket } from 'node:tls';
import { within } from '../system/timers.ts';
import {
  type CallbackKey,
  installCallback,
  type NativeContext,
  ticketKeyCallback,
} from './key-callback.ts';

const limitMs = 10_000;

let checked: Promise<boolean> | undefined;

/** Never rejects. */
export function hookWorks(): Promise<boolean> {
  checked ??= within(check(), limitMs, { unref: true }).catch(() => false);
  return checked;
}

async function check(): Promise<boolean> {
  const [older, newer] = [someKey(), someKey()];
  let sealing = older;
  const secureContext = createSecureContext({ ciphers: anonymous });
  const callback = ticketKeyCallback({
    sealing: () => sealing,
    named: (name) => [older, newer].find((key) => key.name.equals(name)),
    renews: () => true,
  });
  if (!installCallback(secureContext.context as NativeContext, callback)) {
    return false;
  }
  const first = await handshake(secureContext);
  sealing = newer;
  const second = await handshake(secureContext, first.session);
  return (
    !first.reused &&
    first.ticket?.subarray(0, 16).equals(older.name) === true &&
    second.reused &&
    second.ticket?.subarray(0, 16).equals(newer.name) === true
  );
}

const anonymous = 'AECDH-AES128-SHA:ADH-AES128-SHA256:@SECLEVEL=0';

interface Outcome {
  reused: boolean;
  ticket: Buffer | undefined;
  session: Buffer | undefined;
}

function handshake(
  secureContext: ReturnType<typeof createSecureContext>,
  session?: Buffer,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const [near, far] = pipe();
    const server = new TLSSocket(near, { isServer: true, secureContext });
    server.on('error', reject);
    const client = connect({
      socket: far,
      servername: 'localhost',
      ciphers: anonymous,
      maxVersion: 'TLSv1.2',
      checkServerIdentity: () => undefined,
      rejectUnauthorized: false,
      ...(session === undefined ? {} : { session }),
    });
    client.on('error', reject);
    client.once('secureConnect', () => {
      resolve({
        reused: client.isSessionReused(),
        ticket: client.getTLSTicket(),
        session: client.getSession(),
      });
      client.destroy();
      server.destroy();
    });
  });
}

function someKey(): CallbackKey {
  return { name: randomBytes(16), aes: randomBytes(16), hmac: randomBytes(32) };
}

/** Two ends of a stream in memory. */
function pipe(): [Duplex, Duplex] {
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        other().push(chunk);
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
    });
  const near: Duplex = end(() => far);
  const far: Duplex = end(() => near);
  return [near, far];
}
