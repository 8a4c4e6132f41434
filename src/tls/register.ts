/**
 * `node --import tlsmgr/register app.mjs`: every TLS connection that the program
 * makes by tls.connect(), itself or in a library, resumes sessions kept in the
 * tlsmgr at TLSMGR_SOCKET. https, http2, fetch, undici and nodemailer go that way.
 */
import { syncBuiltinESMExports } from 'node:module';
import tls from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { TlsmgrClient } from '../client/index.ts';
import { ClientSessions } from './client/client-sessions.ts';
import type { SessionConnectionOptions } from './client/destination.ts';

const patched = Symbol.for('tlsmgr/register');
const socketPath = process.env['TLSMGR_SOCKET'];

if (socketPath === undefined || socketPath === '') {
  process.emitWarning('TLSMGR_SOCKET is not set: no TLS session is kept', {
    code: 'TLSMGR_NO_SOCKET',
  });
} else if (!(patched in tls.connect)) {
  patch(socketPath);
}

function patch(path: string): void {
  const original = tls.connect;
  const sessions = new ClientSessions(new TlsmgrClient({ socketPath: path }), {
    scope: 'tlsmgr/register',
  });
  const replacement = function connect(this: unknown, ...words: unknown[]): TLSSocket {
    let isTaken = false;
    /** Node's own errors, such as those of wrong options, are the program's. */
    const once: typeof tls.connect = (...args: unknown[]): TLSSocket => {
      isTaken = true;
      return Reflect.apply(original, tls, args) as TLSSocket;
    };
    try {
      const { options, connected } = argumentsOf(words);
      return sessions.connectNow(options, connected, once);
    } catch (error) {
      if (isTaken) {
        throw error;
      }
      return Reflect.apply(original, this, words) as TLSSocket;
    }
  };
  Object.defineProperty(replacement, patched, { value: true });
  tls.connect = replacement;
  syncBuiltinESMExports();
}

/** `connect(options)`, `connect(port, host, options)`, `connect(path, options)`, each with a callback. */
function argumentsOf(words: readonly unknown[]): {
  options: SessionConnectionOptions;
  connected: (() => void) | undefined;
} {
  const last = words.at(-1);
  const connected = typeof last === 'function' ? (last as () => void) : undefined;
  const [first, second] = words;
  const options: Record<string, unknown> = {};
  if (typeof first === 'string' && !(Number(first) >= 0)) {
    options['path'] = first;
  } else if (typeof first !== 'object') {
    options['port'] = first;
    if (typeof second === 'string') {
      options['host'] = second;
    }
  }
  for (const word of words.slice(0, 3)) {
    if (typeof word === 'object' && word !== null) {
      Object.assign(options, word);
    }
  }
  return { options, connected };
}
