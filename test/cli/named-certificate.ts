/** A self-signed certificate whose subject is any text. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -utf8';

/** In PEM. */
export function certificateNamed(commonName: string): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-certificate-'));
  try {
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const args = [...words.split(' '), '-keyout', key, '-out', cert, '-subj', `/CN=${commonName}`];
    execFileSync('openssl', args, { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
