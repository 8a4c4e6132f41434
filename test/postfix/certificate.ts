/** A self-signed certificate, made once a run by openssl. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun } from './run-command.ts';

let made: Promise<string> | undefined;

/** PEM text: private key, then certificate. */
export function certificate(): Promise<string> {
  made ??= makeCertificate();
  return made;
}

const p256: readonly string[] = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** A new one. @param kind of key, as openssl's -newkey takes it. */
export async function makeCertificate(kind = p256): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'tlsmgr-certificate-'));
  try {
    const file = join(directory, 'both.pem');
    const key = ['-newkey', ...kind, '-nodes'];
    const subject = ['-subj', '/CN=mx.example', '-days', '2'];
    const args = ['req', '-x509', ...key, ...subject, '-keyout', file, '-out', `${file}.crt`];
    await mustRun('/usr/bin/openssl', args);
    return readFileSync(file, 'utf8') + readFileSync(`${file}.crt`, 'utf8');
  } finally {
    rmSync(directory, { recursive: true });
  }
}
