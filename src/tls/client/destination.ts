/**
 * Where a connection goes, and under which terms. A session is offered again only
 * where all of this is the same: Node checks neither certificate nor name when a
 * session is resumed.
 */
import { createHash, type Hash } from 'node:crypto';
import { isUint8Array } from 'node:util/types';
import * as tls from 'node:tls';
import type { ConnectionOptions, PeerCertificate, TLSSocket } from 'node:tls';
import { defaultAuthorities } from './default-authorities.ts';
import type { Refusal } from './session-watch.ts';

/** What tls.connect() takes, and a name. */
export interface SessionConnectionOptions extends ConnectionOptions {
  /**
   * The name of the caller's own `checkServerIdentity` or `secureContext`.
   * Sessions are shared between connections with the same name. Without one,
   * connections with such an option are never resumed.
   */
  sessionPolicy?: string | undefined;
}

export interface Destination {
  /** `host:port&` and 64 hexadecimal digits: the id in tlsmgr's cache. */
  id: string;
  /** `host:port`, for people. */
  label: string;
  /** The name that the server's certificate is to have. */
  name: string;
  rejectUnauthorized: boolean;
  checkServerIdentity(name: string, certificate: PeerCertificate): Error | undefined;
}

export class Unfit extends Error {
  readonly why: Refusal;
  readonly label: string;

  constructor(why: Refusal, label: string) {
    super(why);
    this.why = why;
    this.label = label;
  }
}

const usualCheck = tls.checkServerIdentity;

/** Options of tls.connect() that say what is trusted, shown and agreed upon. */
const terms = [
  'ALPNProtocols',
  'allowPartialTrustChain',
  'cert',
  'clientCertEngine',
  'crl',
  'dhparam',
  'honorCipherOrder',
  'key',
  'passphrase',
  'pfx',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'requestOCSP',
  'secureOptions',
  'secureProtocol',
  'sigalgs',
] as const;

/** Throws Unfit where no session may be offered or kept. */
export function destinationOf(options: SessionConnectionOptions, scope: string): Destination {
  const { servername, port, path, socket, sessionPolicy } = options;
  const host = options.host ?? (socket === undefined ? 'localhost' : undefined);
  // Node's own order; what it would take from within a socket isn't looked at.
  const name = servername || host;
  const peer = socket as Partial<TLSSocket> | undefined;
  const address = path ?? host ?? peer?.remoteAddress ?? '';
  const label = `${address}:${path === undefined || path === null ? (port ?? peer?.remotePort ?? '') : ''}`;
  const checkServerIdentity = options.checkServerIdentity ?? tls.checkServerIdentity;
  const isOwn = checkServerIdentity !== usualCheck || options.secureContext !== undefined;
  if (isOwn && sessionPolicy === undefined) {
    throw new Unfit('unnamed policy', label);
  }
  if (options.pskCallback !== undefined) {
    throw new Unfit('options', label);
  }
  if (name === undefined || name === '') {
    throw new Unfit('no name', label);
  }
  const rejectUnauthorized =
    // As Node has it: undefined, where it is given, means to verify.
    Object.hasOwn(options, 'rejectUnauthorized')
      ? options.rejectUnauthorized !== false
      : process.env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0';
  const hash = createHash('sha256');
  try {
    add(hash, [
      'tlsmgr client session 1',
      scope,
      // Lines of Node write sessions in forms of their own.
      process.versions.node,
      process.versions.openssl,
      name,
      servername,
      host,
      label,
      socket !== undefined && socket !== null,
      rejectUnauthorized,
      sessionPolicy,
      isOwn,
      options.minVersion ?? tls.DEFAULT_MIN_VERSION,
      options.maxVersion ?? tls.DEFAULT_MAX_VERSION,
      options.ciphers ?? tls.DEFAULT_CIPHERS,
      options.ecdhCurve ?? tls.DEFAULT_ECDH_CURVE,
      options.minDHSize ?? 1024,
      options.ca ?? defaultAuthorities(),
      ...terms.map((term) => (options as Record<string, unknown>)[term]),
    ]);
  } catch {
    throw new Unfit('options', label);
  }
  const id = `${readable(label)}&${hash.digest('hex')}`;
  return { id, label, name, rejectUnauthorized, checkServerIdentity };
}

/** The id is text for people, too. */
function readable(label: string): string {
  return label.replaceAll(/[^\w.:[\]-]/gu, '_').slice(0, 300);
}

/** Each value with its kind and length, so that no two lists give the same bytes. */
function add(hash: Hash, value: unknown): void {
  if (value === undefined || value === null) {
    hash.update('-;');
  } else if (typeof value === 'string' || isUint8Array(value)) {
    // `ca: text` and `ca: buffer` mean the same.
    hash.update(`s${Buffer.byteLength(value)}:`).update(value);
  } else if (typeof value === 'number' || typeof value === 'boolean') {
    hash.update(`${typeof value}${value};`);
  } else if (Array.isArray(value)) {
    hash.update(`a${value.length}:`);
    value.forEach((one) => add(hash, one));
  } else if (Object.getPrototypeOf(value) === Object.prototype) {
    add(
      hash,
      Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  } else {
    throw new TypeError('a value that cannot be told apart from others');
  }
}
