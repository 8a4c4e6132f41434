/**
 * Options for nodemailer's SMTP transports with TLS from the first byte (port
 * 465): nodemailer gets a socket that is secured already. For STARTTLS nodemailer
 * makes the connection itself; `tlsmgr/register` is for that.
 */
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { SessionConnectionOptions } from './destination.ts';

/** Of nodemailer's options those that matter here. */
export interface MailerOptions {
  host?: string | undefined;
  port?: number | string | undefined;
  secure?: boolean | undefined;
  tls?: SessionConnectionOptions | undefined;
  servername?: string | undefined;
  localAddress?: string | undefined;
  /** Milliseconds; default 120,000, which is nodemailer's own. */
  connectionTimeout?: number | undefined;
  /** With a proxy nodemailer has a `getSocket` of its own, and nothing is changed. */
  proxy?: unknown;
}

export type SocketGiven = (
  error: Error | null,
  given?: { connection: TLSSocket; secured: true } | false,
) => void;

export interface WithSocket {
  getSocket?: (options: MailerOptions, given: SocketGiven) => void;
}

type Connect = (options: SessionConnectionOptions) => Promise<TLSSocket>;

const usualTimeoutMs = 120_000;

export function mailerOptions<Options extends MailerOptions>(
  connect: Connect,
  options: Options,
): Options & WithSocket {
  if (options.proxy !== undefined) {
    return options;
  }
  return {
    ...options,
    getSocket: (now, given) => {
      if (now.secure === true || (now.secure === undefined && Number(now.port) === 465)) {
        void giveSocket(connect, now, given);
      } else {
        setImmediate(() => given(null, false));
      }
    },
  };
}

async function giveSocket(connect: Connect, now: MailerOptions, given: SocketGiven): Promise<void> {
  const { host = 'localhost', port = 465, servername, localAddress, tls } = now;
  const aborting = new AbortController();
  const timeoutMs = now.connectionTimeout ?? usualTimeoutMs;
  const timer = setTimeout(() => {
    aborting.abort(Object.assign(new Error('Connection timeout'), { code: 'ETIMEDOUT' }));
  }, timeoutMs);
  const name = tls?.servername ?? servername ?? (isIP(host) === 0 ? host : undefined);
  let connection: TLSSocket;
  try {
    connection = await connect({
      host,
      port: Number(port),
      ...(localAddress === undefined ? {} : { localAddress }),
      ...tls,
      ...(name === undefined ? {} : { servername: name }),
      signal: aborting.signal,
    } as SessionConnectionOptions);
  } catch (error) {
    given(error as Error);
    return;
  } finally {
    clearTimeout(timer);
  }
  given(null, { connection, secured: true });
}
