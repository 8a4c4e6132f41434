/**
 * Tells apart what processes trust when a connection names no `ca`: Node's own
 * authorities, those of the system, of NODE_EXTRA_CA_CERTS, and those that the
 * program has set for itself.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';

/** Not in Node 20. */
const { getCACertificates } = tls as { getCACertificates?: (type: string) => readonly string[] };

/** Stores that no call of Node shows: their sessions stay in this process. */
const hiddenStores =
  getCACertificates === undefined ? ['--use-openssl-ca', '--use-system-ca'] : ['--use-openssl-ca'];
const ofThisProcess = randomUUID();

let fixed: string | undefined;
const digests = new WeakMap<readonly string[], string>();

/** 64 hexadecimal digits. */
export function defaultAuthorities(): string {
  fixed ??= fixedPart();
  return createHash('sha256').update(fixed).update(currentPart()).digest('hex');
}

/** The program may set others at any time; Node then gives another array. */
function currentPart(): string {
  const certificates = getCACertificates?.('default') ?? tls.rootCertificates;
  let digest = digests.get(certificates);
  if (digest === undefined) {
    digest = digestOf(certificates);
    if (Object.isFrozen(certificates)) {
      digests.set(certificates, digest);
    }
  }
  return digest;
}

/** What is read once, when Node starts. */
function fixedPart(): string {
  const { NODE_OPTIONS = '', NODE_USE_SYSTEM_CA = '', NODE_EXTRA_CA_CERTS } = process.env;
  const { SSL_CERT_FILE = '', SSL_CERT_DIR = '' } = process.env;
  const words = [...process.execArgv, ...NODE_OPTIONS.split(' ')];
  const isHidden =
    hiddenStores.some((option) => words.includes(option)) ||
    (getCACertificates === undefined && NODE_USE_SYSTEM_CA !== '');
  return digestOf([
    process.execPath,
    SSL_CERT_FILE,
    SSL_CERT_DIR,
    isHidden ? ofThisProcess : '',
    getCACertificates === undefined ? extraCertificates(NODE_EXTRA_CA_CERTS) : '',
  ]);
}

function extraCertificates(path: string | undefined): string {
  if (path === undefined || path === '') {
    return '';
  }
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Node has read it, this process can't: who knows what was in it.
    return ofThisProcess;
  }
}

function digestOf(texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) {
    hash.update(`${Buffer.byteLength(text)}:`).update(text);
  }
  return hash.digest('hex');
}
