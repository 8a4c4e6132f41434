/**
 * Reads a session as OpenSSL writes it (i2d_SSL_SESSION), without its secrets:
 * the master key is skipped and never copied.
 *
 *     SEQUENCE {
 *       version INTEGER (1), protocol INTEGER, cipher OCTET STRING (2 bytes),
 *       session id OCTET STRING, master key OCTET STRING,
 *       [1] start time, [2] timeout, [3] peer certificate (Certificate),
 *       [4] session id context, [5] verify result, [6] host name,
 *       [9] ticket lifetime hint, [10] ticket, and others, all EXPLICIT and OPTIONAL
 *     }
 *
 * Layout: OpenSSL ssl/ssl_asn1.c.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { messageOf, TlsmgrError } from '../errors.ts';
import { type DerElement, DerError, derInteger, DerReader, derTag } from './der.ts';
import { keyFingerprint, keyNameBytes } from '../tickets/ticket-key.ts';
import { cipherNames } from './cipher-names.ts';

export interface SessionSummary {
  /** Its name, such as `TLSv1.2`; for an unknown version its number, such as `0x0305`. */
  protocol: string;
  /** OpenSSL's name; for an unknown suite its number, such as `0x1301`. */
  cipher: string;
  createdSeconds: number | undefined;
  lifetimeSeconds: number | undefined;
  /** Hexadecimal. A client that has a ticket derives the id from the ticket. */
  sessionId: string;
  ticket:
    | {
        bytes: number;
        /** SHA-256 in hexadecimal. It tells tickets apart and doesn't reveal them. */
        fingerprint: string;
        /** Of the key that sealed the ticket, if the server uses Postfix's keys. */
        keyFingerprint: string;
        lifetimeHintSeconds: number | undefined;
      }
    | undefined;
  hostname: string | undefined;
  /** X509_V_OK is 0. */
  verifyResult: number | undefined;
  peerCertificate: { subject: string; issuer: string; notAfter: string } | undefined;
}

export interface OpensslSession {
  summary: SessionSummary;
  /** The peer's certificate, without its chain. */
  certificate: X509Certificate | undefined;
}

const protocolNames = new Map([
  [0x0300, 'SSLv3'],
  [0x0301, 'TLSv1'],
  [0x0302, 'TLSv1.1'],
  [0x0303, 'TLSv1.2'],
  [0x0304, 'TLSv1.3'],
]);

function hexNumber(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}

/** The only element inside an [n] EXPLICIT. Throws DerError if there are more. */
function inner(element: DerElement, tag: number): DerElement {
  const reader = new DerReader(element.content);
  const found = reader.next(tag);
  if (!reader.atEnd) {
    throw new DerError('more than one element where one is expected');
  }
  return found;
}

/** Node puts each part of a name on a line of its own. */
function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').join(', ');
}

function certificateOf(element: DerElement): X509Certificate {
  const { whole } = inner(element, derTag.sequence);
  try {
    return new X509Certificate(whole);
  } catch (error) {
    throw new DerError('a certificate that cannot be read', { cause: error });
  }
}

function summaryOf(certificate: X509Certificate): SessionSummary['peerCertificate'] {
  const { subject, issuer, validTo } = certificate;
  return { subject: oneLine(subject), issuer: oneLine(issuer), notAfter: validTo };
}

function decode(session: Buffer): OpensslSession {
  const outer = new DerReader(session);
  const reader = new DerReader(outer.next(derTag.sequence).content);
  if (!outer.atEnd) {
    throw new DerError('bytes after the session');
  }
  const version = derInteger(reader.next(derTag.integer).content);
  if (version !== 1) {
    throw new DerError(`session format ${version}`);
  }
  const protocol = derInteger(reader.next(derTag.integer).content);
  const cipher = reader.next(derTag.octetString).content;
  if (cipher.length !== 2) {
    throw new DerError(`a cipher of ${cipher.length} bytes`);
  }
  const sessionId = reader.next(derTag.octetString).content;
  reader.next(derTag.octetString);
  const optional = new Map<number, DerElement>();
  while (!reader.atEnd) {
    const element = reader.next();
    optional.set(element.tag - derTag.explicit, element);
  }
  const number = (tag: number): number | undefined => {
    const element = optional.get(tag);
    return element && derInteger(inner(element, derTag.integer).content);
  };
  const octets = (tag: number): Buffer | undefined => {
    const element = optional.get(tag);
    return element && inner(element, derTag.octetString).content;
  };
  const third = optional.get(3);
  const certificate = third && certificateOf(third);
  const ticket = octets(10);
  const cipherId = cipher.readUInt16BE(0);
  const summary: SessionSummary = {
    protocol: protocolNames.get(protocol) ?? hexNumber(protocol),
    cipher: cipherNames.get(cipherId) ?? hexNumber(cipherId),
    createdSeconds: number(1),
    lifetimeSeconds: number(2),
    sessionId: sessionId.toString('hex'),
    ticket: ticket && {
      bytes: ticket.length,
      fingerprint: createHash('sha256').update(ticket).digest('hex'),
      keyFingerprint: keyFingerprint(ticket.subarray(0, keyNameBytes)),
      lifetimeHintSeconds: number(9),
    },
    hostname: octets(6)?.toString('utf8'),
    verifyResult: number(5),
    peerCertificate: certificate && summaryOf(certificate),
  };
  return { summary, certificate };
}

/** Throws TlsmgrError `INPUT` if the bytes aren't such a session. Its message holds none of the content. */
export function decodeOpensslSession(session: Buffer): SessionSummary {
  return readOpensslSession(session).summary;
}

/** Like decodeOpensslSession(), with the peer's certificate as well. */
export function readOpensslSession(session: Buffer): OpensslSession {
  try {
    return decode(session);
  } catch (error) {
    throw new TlsmgrError('INPUT', `not a session of OpenSSL: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
