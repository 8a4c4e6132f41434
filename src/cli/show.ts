/** tlsmgr show CACHE ID: what is in a session, without its secrets. */
import { printable } from '../log/printable.ts';
import { decodeOpensslSession, type SessionSummary } from '../openssl/session.ts';
import { whyMissing } from './cache-off.ts';
import { verifyText } from '../openssl/verify-result.ts';
import { type CliIo, complain } from './io.ts';
import type { Given, showOptions } from './options.ts';
import { duration } from './output.ts';
import { cacheArgument, idArgument, requireAnswer, withCache } from './reach.ts';

export async function runShow(
  { values, words }: Given<typeof showOptions>,
  io: CliIo,
): Promise<number> {
  const label = cacheArgument(words[0]);
  const id = idArgument(words[1]);
  return withCache(label, values.socket, io, 'either', async (client) => {
    const session = await client.lookup(label, id);
    if (session === undefined) {
      requireAnswer(client);
      complain(io, 'warning', await whyMissing(client, label));
      return 1;
    }
    const summary = decodeOpensslSession(session);
    const { length } = session;
    session.fill(0);
    io.out(
      values.json === true
        ? `${JSON.stringify({ sessionBytes: length, ...summary }, undefined, 2)}\n`
        : sessionText(summary, length),
    );
    return 0;
  });
}

function sessionText(session: SessionSummary, bytes: number): string {
  const { createdSeconds, lifetimeSeconds, ticket, peerCertificate } = session;
  const rows: [string, string | undefined][] = [
    ['protocol', session.protocol],
    ['cipher', session.cipher],
    [
      'created',
      createdSeconds === undefined ? undefined : new Date(createdSeconds * 1000).toISOString(),
    ],
    ['lifetime', lifetimeSeconds === undefined ? undefined : duration(lifetimeSeconds)],
    ['session id', session.sessionId],
    ['ticket', ticket && `${ticket.bytes} bytes, SHA-256 ${ticket.fingerprint}`],
    ['host name', session.hostname],
    [
      'verification',
      session.verifyResult === undefined ? undefined : verifyText(session.verifyResult),
    ],
    ['peer', peerCertificate?.subject],
    ['issuer', peerCertificate?.issuer],
    ['not after', peerCertificate?.notAfter],
    ['size', `${bytes} bytes`],
  ];
  return rows
    .filter(([, text]) => text !== undefined && text !== '')
    .map(([name, text]) => `${name.padEnd(13)}${printable(text!.replaceAll('\n', ', '))}\n`)
    .join('');
}
