/** TLS handshakes with a mail host, as an SMTP client of another organisation makes them. */
import { constants } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { within } from '../../../src/system/timers.ts';
import { SmtpSession } from '../../postfix/smtp-session.ts';

/** By what a session is resumed. Without tickets on the server, those of TLS 1.3 are ids. */
export type Kind = 'ticket, TLS 1.2' | 'id, TLS 1.2' | 'TLS 1.3';

export const kinds: readonly Kind[] = ['ticket, TLS 1.2', 'id, TLS 1.2', 'TLS 1.3'];

const options: Record<Kind, ConnectionOptions> = {
  'ticket, TLS 1.2': { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
  'id, TLS 1.2': {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_TICKET,
  },
  'TLS 1.3': { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' },
};

export interface SmtpServer {
  address: string;
  port: number;
}

export interface Handshake {
  resumed: boolean;
  /** The newest session: the one that was offered if the server has given none. */
  session: Buffer;
  /** From the connection to the first reply under TLS. */
  milliseconds: number;
}

/** Only a failure takes so long. */
const limitMs = 60_000;

/** @throws Error when there is no TLS, or no answer under it. */
export function handshake(server: SmtpServer, kind: Kind, offered?: Buffer): Promise<Handshake> {
  return within(visit(server, kind, offered), limitMs);
}

async function visit(
  { address, port }: SmtpServer,
  kind: Kind,
  offered: Buffer | undefined,
): Promise<Handshake> {
  const startMs = performance.now();
  const talk = await SmtpSession.open(port, address);
  try {
    const offer = offered === undefined ? {} : { session: offered };
    const reply = await talk.startTls({ ...options[kind], ...offer });
    const milliseconds = performance.now() - startMs;
    const session = talk.session ?? offered;
    if (!reply.startsWith('250') || session === undefined) {
      throw new Error(
        `${address} ${kind}: ${reply}, ${session === undefined ? 'no' : 'a'} session`,
      );
    }
    await talk.quit();
    return { resumed: talk.resumed, session, milliseconds };
  } finally {
    talk.close();
  }
}
