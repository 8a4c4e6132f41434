/** A CA, and certificates of it for a server and for a client, made by openssl. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '../postfix/run-command.ts';

/** Paths. */
export interface TlsFiles {
  ca: string;
  /** Names `redis.example`, 127.0.0.1 and ::1. */
  serverCertificate: string;
  serverKey: string;
  clientCertificate: string;
  clientKey: string;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const days = ['-days', '2'];

export async function makeTlsFiles(folder: string): Promise<TlsFiles> {
  const path = (name: string): string => join(folder, name);
  const openssl = (...words: string[]): Promise<string> => mustRun('/usr/bin/openssl', words);
  const ca = path('ca.pem');
  const caKey = path('ca.key');
  const authority = ['-subj', '/CN=a CA of tests', '-addext', 'basicConstraints=critical,CA:TRUE'];
  await openssl('req', '-x509', ...newKey, ...authority, ...days, '-keyout', caKey, '-out', ca);
  const issue = async (name: string, extensions: string): Promise<void> => {
    const request = path(`${name}.csr`);
    const words = ['-subj', `/CN=${name}.example`, '-keyout', path(`${name}.key`)];
    await openssl('req', '-new', ...newKey, ...words, '-out', request);
    const file = path(`${name}.ext`);
    writeFileSync(file, extensions);
    const signing = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-extfile', file];
    const certificate = path(`${name}.pem`);
    await openssl('x509', '-req', '-in', request, ...signing, ...days, '-out', certificate);
  };
  await issue('redis', 'subjectAltName=DNS:redis.example,IP:127.0.0.1,IP:::1\n');
  await issue('client', 'extendedKeyUsage=clientAuth\n');
  return {
    ca,
    serverCertificate: path('redis.pem'),
    serverKey: path('redis.key'),
    clientCertificate: path('client.pem'),
    clientKey: path('client.key'),
  };
}
