/**
 * Looks at a session before it is kept and before it is offered. Node resumes
 * whatever it is given: it checks no certificate and no name then.
 */
import { TlsmgrError } from '../../errors.ts';
import { type OpensslSession, readOpensslSession } from '../../openssl/session.ts';
import type { Destination } from './destination.ts';
import type { Refusal } from './session-watch.ts';

/** What Node 22, 24 and 26 put before OpenSSL's bytes: this, two bytes of length, the verified name. */
const wrapper = Buffer.from('\0nodejs:tls:session:1\0');

/** Longest session kept. */
const longestSessionBytes = 65_536;

/** @returns what is wrong with the session at this destination, undefined if nothing is. */
export function faultOf(
  session: Buffer,
  destination: Destination,
  nowSeconds: number,
): Refusal | undefined {
  if (session.length > longestSessionBytes) {
    return 'too long';
  }
  const { name, bytes } = unwrap(session);
  if (name !== undefined && name !== destination.name) {
    return 'identity';
  }
  let found: OpensslSession;
  try {
    found = readOpensslSession(bytes);
  } catch (error) {
    if (error instanceof TlsmgrError) {
      return 'unreadable';
    }
    throw error;
  }
  return isOver(found, nowSeconds) ? 'expired' : faultOfPeer(found, destination, nowSeconds);
}

function unwrap(session: Buffer): { name: string | undefined; bytes: Buffer } {
  const start = wrapper.length + 2;
  if (session.length < start || !session.subarray(0, wrapper.length).equals(wrapper)) {
    return { name: undefined, bytes: session };
  }
  const end = start + session.readUInt16BE(wrapper.length);
  return { name: session.toString('utf8', start, end), bytes: session.subarray(end) };
}

function isOver({ summary }: OpensslSession, nowSeconds: number): boolean {
  const { createdSeconds, lifetimeSeconds, ticket } = summary;
  const hint = ticket?.lifetimeHintSeconds ?? 0;
  const lifetime = Math.min(lifetimeSeconds ?? 0, hint > 0 ? hint : Number.POSITIVE_INFINITY);
  return createdSeconds === undefined || nowSeconds >= createdSeconds + lifetime;
}

function faultOfPeer(
  { summary, certificate }: OpensslSession,
  destination: Destination,
  nowSeconds: number,
): Refusal | undefined {
  // OpenSSL leaves the result out where it is 0, which is X509_V_OK.
  if ((summary.verifyResult ?? 0) !== 0) {
    // A resumed connection tells the same error; who asked for that goes on with it.
    return destination.rejectUnauthorized ? 'unverified' : undefined;
  }
  if (certificate === undefined) {
    return 'no certificate';
  }
  const nowMs = nowSeconds * 1000;
  const isValid =
    nowMs >= Date.parse(certificate.validFrom) && nowMs <= Date.parse(certificate.validTo);
  if (!isValid) {
    return 'certificate dates';
  }
  try {
    const legacy = certificate.toLegacyObject();
    return destination.checkServerIdentity(destination.name, legacy) ? 'identity' : undefined;
  } catch {
    // A check of the caller's own that wants more than the certificate, such as its issuer.
    return 'identity';
  }
}
