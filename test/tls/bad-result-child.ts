/**
 * A server whose ticket key callback gives the result named, and a client that
 * comes twice. Says `full` or `resumed` for each visit, or the error's code.
 */
import { randomBytes } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { installCallback, type NativeContext } from '../../src/tls/key-callback.ts';
import { portOf, startServer, type Version, visit } from './handshakes.ts';

const [result = '', version = ''] = process.argv.slice(2);
const zeros = Buffer.alloc(16);
const [name, aes, hmac] = [randomBytes(16), randomBytes(16), randomBytes(16)];
const longHmac = Buffer.concat([hmac, hmac]);

const results: Record<string, (iv: Buffer) => unknown> = {
  good: (iv) => [1, hmac, aes, name, iv],
  'no-key': () => [0, zeros, zeros, zeros, zeros],
  'short-array': () => [1, hmac],
  'no-buffer': (iv) => [1, hmac, 'x', name, iv],
  throws: () => {
    throw new Error('injected');
  },
  promise: (iv) => Promise.resolve([1, hmac, aes, name, iv]),
  negative: (iv) => [-1, hmac, aes, name, iv],
  'long-aes': (iv) => [1, hmac, longHmac, name, iv],
  'long-hmac': (iv) => [1, longHmac, aes, name, iv],
};

process.on('uncaughtException', () => {});
const server = await startServer();
const { context } = (server as unknown as { _sharedCreds: ReturnType<typeof createSecureContext> })
  ._sharedCreds;
installCallback(
  context as NativeContext,
  ((_name: Buffer, iv: Buffer, isSealing: boolean) =>
    results[result]!(isSealing ? randomBytes(16) : iv)) as never,
);
try {
  const one = await visit(portOf(server), version as Version);
  const two = await visit(portOf(server), version as Version, one.session);
  console.log([one, two].map(({ resumed }) => (resumed ? 'resumed' : 'full')).join(' '));
} catch (thrown) {
  console.log((thrown as NodeJS.ErrnoException).code);
}
process.exit(0);
