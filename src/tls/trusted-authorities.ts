/**
 * Which certificates of clients a context trusts, as a digest of the options
 * that say so: `ca`, what a PKCS#12 file brings, revocation lists, and where there
 * is no `ca` the authorities that Node trusts by default.
 */
import { createHash, type Hash } from 'node:crypto';
import { types } from 'node:util';
import { defaultAuthorities } from './client/default-authorities.ts';

/** Options of a context, and of a server what it does with them. */
export interface TrustOptions {
  ca?: unknown;
  pfx?: unknown;
  crl?: unknown;
  allowPartialTrustChain?: unknown;
}

export interface AskingOptions extends TrustOptions {
  requestCert?: unknown;
  rejectUnauthorized?: unknown;
}

/** 64 hexadecimal digits. A change of the default authorities counts for contexts made after it. */
export function trustOf({ ca, pfx, crl, allowPartialTrustChain }: TrustOptions): string {
  const hash = createHash('sha256');
  // As Node does it: any false value is no ca, an empty list trusts nobody.
  add(hash, ca ? ca : `default ${defaultAuthorities()}`);
  add(hash, pfx);
  add(hash, crl);
  add(hash, Boolean(allowPartialTrustChain));
  return hash.digest('hex');
}

/**
 * Undefined where no certificates of clients are asked for. A client that needn't
 * show one must not resume where it must.
 */
export function clientAuthoritiesOf(options: AskingOptions): string | undefined {
  if (options.requestCert !== true) {
    return undefined;
  }
  const asks = options.rejectUnauthorized === false ? 'wants' : 'requires';
  return `${asks} ${trustOf(options)}`;
}

/** One certificate, list or file, or several; of a file with a passphrase the file. */
function add(hash: Hash, value: unknown): void {
  if (Array.isArray(value)) {
    hash.update(`list ${value.length} `);
    value.forEach((part) => add(hash, part));
    return;
  }
  const bytes = bytesOf(value);
  if (bytes !== undefined) {
    hash.update(`bytes ${bytes.byteLength} `).update(bytes);
  } else if (typeof value === 'object' && value !== null && 'buf' in value) {
    add(hash, value.buf);
  } else {
    hash.update(`${String(value)} `);
  }
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value === 'string') {
    return Buffer.from(value);
  }
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  return types.isAnyArrayBuffer(value) ? new Uint8Array(value) : undefined;
}
