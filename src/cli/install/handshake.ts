/**
 * A TLS connection to smtpd(8), as a mail client makes it: smtpd asks tlsmgr
 * for a seed before it greets and for a ticket key in the handshake, so a tlsmgr
 * that doesn't understand it shows here, and not in front of the first client.
 *
 * It is tried before the change, too: an address at which it didn't work then
 * tells nothing afterwards. Failures are reasons in words, never thrown, but by
 * waitForTls: TlsmgrError `UNAVAILABLE`.
 */
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { TlsmgrError, messageOf } from '../../errors.ts';
import type { SmtpAddress } from './smtpd-services.ts';

const eachLimitMs = 3000;
const allLimitMs = 6000;
const longestMs = 5000;
const pauseMs = 300;

export interface TlsServer {
  address: SmtpAddress;
  /** A host whose name server doesn't answer greets late. */
  tookMs: number;
}

export const addressText = ({ host, port }: SmtpAddress): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** The first of them that makes a TLS connection; undefined when none does, or none in time. */
export async function findTlsServer(
  addresses: readonly SmtpAddress[],
  signal: AbortSignal,
): Promise<TlsServer | undefined> {
  const untilMs = performance.now() + allLimitMs;
  for (const address of addresses) {
    const beganMs = performance.now();
    const leftMs = untilMs - beganMs;
    if (leftMs <= 0) {
      return undefined;
    }
    if ((await whyNoTls(address, Math.min(leftMs, eachLimitMs), signal)) === undefined) {
      return { address, tookMs: performance.now() - beganMs };
    }
    signal.throwIfAborted();
  }
  return undefined;
}

/** Tries until it makes a connection again. Throws the signal's reason too. */
export async function waitForTls(
  { address, tookMs }: TlsServer,
  limitSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const limitMs = Math.min(longestMs, limitSeconds * 1000) + 2 * tookMs;
  const untilMs = performance.now() + limitMs;
  for (;;) {
    const reason = await whyNoTls(address, Math.max(1, untilMs - performance.now()), signal);
    signal.throwIfAborted();
    if (reason === undefined) {
      return;
    }
    if (performance.now() + pauseMs >= untilMs) {
      throw new TlsmgrError(
        'UNAVAILABLE',
        `smtpd at ${addressText(address)} made TLS connections before, and makes none within ${Math.round(limitMs / 1000)} s: ${reason}`,
      );
    }
    await sleep(pauseMs);
  }
}

/** One connection with its handshake and an EHLO. @returns why it failed. */
export async function whyNoTls(
  { host, port, wrapped }: SmtpAddress,
  limitMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(limitMs))]);
  const plain = connectPlain({ host, port });
  let socket: Socket = plain;
  try {
    if (!wrapped) {
      await reply(plain, '220', limit);
      await reply(plain, '250', limit, 'EHLO localhost');
      await reply(plain, '220', limit, 'STARTTLS');
    }
    // Whose certificate it is doesn't matter: whether there is a handshake does.
    socket = connectTls({ socket: plain, rejectUnauthorized: false });
    if (wrapped) {
      await reply(socket, '220', limit);
    }
    await reply(socket, '250', limit, 'EHLO localhost');
    socket.write('QUIT\r\n');
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  } finally {
    // An error that comes after the answer is nobody's.
    plain.on('error', () => {});
    socket.on('error', () => {});
    socket.end();
    setTimeout(() => plain.destroy(), pauseMs).unref();
  }
}

/** Sends a command, if any, and waits for the whole reply to it, which must have this code. */
function reply(socket: Socket, code: string, signal: AbortSignal, command?: string): Promise<void> {
  const what = command?.split(' ', 1)[0] ?? 'the connection';
  return new Promise((resolve, reject) => {
    let text = '';
    const finish = (reason?: string): void => {
      socket.off('data', take).off('error', fail).off('close', close);
      signal.removeEventListener('abort', late);
      if (reason === undefined) {
        resolve();
      } else {
        reject(new Error(reason));
      }
    };
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      const last = /^\d{3}(?: .*)?\r?\n$/mu.exec(text)?.[0].trim();
      if (last !== undefined) {
        finish(last.startsWith(code) ? undefined : `${what}: ${last}`);
      }
    };
    const fail = (error: Error): void => finish(`${what}: ${error.message}`);
    const close = (): void => finish(`${what}: connection closed`);
    const late = (): void => finish(`no answer to ${what}`);
    socket.on('data', take).on('error', fail).on('close', close);
    signal.addEventListener('abort', late);
    if (signal.aborted) {
      late();
    } else if (command !== undefined) {
      socket.write(`${command}\r\n`);
    }
  });
}
