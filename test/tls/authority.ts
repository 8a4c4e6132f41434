/** A certificate authority and a certificate of it, made by openssl. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun } from '../postfix/run-command.ts';

/** PEM texts. */
export interface Authority {
  ca: string;
  /** Of the certificate, which is good for a client and a server. */
  key: string;
  cert: string;
  /** PKCS#12 of key, certificate and authority, without a passphrase. */
  pfx: Buffer;
}

export async function makeAuthority(name: string): Promise<Authority> {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-authority-'));
  const path = (file: string): string => join(folder, file);
  const openssl = (words: string[]): Promise<unknown> => mustRun('/usr/bin/openssl', words);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout'];
  const days = ['-days', '2'];
  const own = ['-subj', `/CN=authority ${name}`, '-out', path('ca.crt')];
  const request = ['-subj', `/CN=${name}`, '-out', path('csr')];
  const signed = ['-in', path('csr'), '-out', path('crt'), '-CA', path('ca.crt')];
  const signer = ['-CAkey', path('ca.key'), '-CAcreateserial'];
  try {
    await openssl(['req', '-x509', ...days, ...key, path('ca.key'), ...own]);
    await openssl(['req', ...key, path('key'), ...request]);
    await openssl(['x509', '-req', ...days, ...signed, ...signer]);
    const parts = ['-inkey', path('key'), '-in', path('crt'), '-certfile', path('ca.crt')];
    await openssl(['pkcs12', '-export', ...parts, '-passout', 'pass:', '-out', path('pfx')]);
    const read = (file: string): string => readFileSync(path(file), 'utf8');
    const pfx = readFileSync(path('pfx'));
    return { ca: read('ca.crt'), key: read('key'), cert: read('crt'), pfx };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
