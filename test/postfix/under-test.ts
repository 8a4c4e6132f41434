/**
 * Which daemon these suites run, and what has to be there for them. The
 * environment variable TLSMGR_UNDER_TEST names another program to put in the
 * place of ours: Postfix's own tlsmgr, to check the suites themselves.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Debian's own, the reference. */
export const originalTlsmgr = '/usr/lib/postfix/sbin/tlsmgr';

const ours = fileURLToPath(new URL('../../bin/tlsmgr', import.meta.url));

export const tlsmgrUnderTest = process.env['TLSMGR_UNDER_TEST'] ?? ours;

/** Whether what is under test is ours: the original differs on purpose here and there. */
export const testsOurs = tlsmgrUnderTest !== originalTlsmgr;

/** Why a real Postfix can't be run, or false. */
export const skipWithoutPostfix = reasonToSkip();

function reasonToSkip(): string | false {
  for (const path of ['/usr/sbin/postfix', originalTlsmgr]) {
    if (!existsSync(path)) {
      return `no Postfix: ${path} is missing`;
    }
  }
  if (process.getuid?.() !== 0) {
    return 'only root can start Postfix';
  }
  return existsSync('/usr/bin/openssl') ? false : 'no /usr/bin/openssl';
}

/** Says where to look when a checkout was not built. */
export function requireBuilt(): void {
  const built = fileURLToPath(new URL('../../dist/program/main.js', import.meta.url));
  if (tlsmgrUnderTest === ours && !existsSync(built)) {
    throw new Error('dist/program/main.js is missing: npm run build');
  }
}
