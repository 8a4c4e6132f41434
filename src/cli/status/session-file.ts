/**
 * A TLS session saved by `openssl s_client -sess_out`: PEM around the DER of
 * i2d_SSL_SESSION. It holds the session's key, so its content appears in no
 * message. Fails with TlsmgrError `INPUT`.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { messageOf, TlsmgrError } from '../../errors.ts';
import { decodeOpensslSession, type SessionSummary } from '../../openssl/session.ts';

/** A session with the longest chain of certificates is smaller. */
const largestBytes = 1024 * 1024;

const pem =
  /-----BEGIN SSL SESSION PARAMETERS-----([A-Za-z0-9+/=\s]*)-----END SSL SESSION PARAMETERS-----/u;

export function readSessionFile(path: string): SessionSummary {
  const text = readBounded(path);
  const body = pem.exec(text.toString('latin1'))?.[1];
  text.fill(0);
  if (body === undefined) {
    throw new TlsmgrError(
      'INPUT',
      `${path}: not a session as openssl s_client -sess_out writes it`,
    );
  }
  const session = Buffer.from(body, 'base64');
  try {
    return decodeOpensslSession(session);
  } catch (thrown) {
    throw new TlsmgrError('INPUT', `${path}: ${messageOf(thrown)}`, { cause: thrown });
  } finally {
    session.fill(0);
  }
}

function readBounded(path: string): Buffer {
  const buffer = Buffer.alloc(largestBytes);
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    let length = 0;
    for (;;) {
      const read = readSync(fd, buffer, length, largestBytes - length, null);
      length += read;
      if (read === 0 || length === largestBytes) {
        return buffer.subarray(0, length);
      }
    }
  } catch (thrown) {
    const isMissing = (thrown as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = isMissing
      ? 'there is no such file: openssl s_client -sess_out writes none when it ends before the ticket has come, which TLS 1.3 sends after the handshake: echo QUIT | openssl s_client -connect HOST:25 -starttls smtp -crlf -ign_eof -sess_out FILE'
      : messageOf(thrown);
    throw new TlsmgrError('INPUT', `${path}: ${reason}`, { cause: thrown });
  } finally {
    if (fd !== undefined) {
      closeSync(fd);
    }
  }
}
