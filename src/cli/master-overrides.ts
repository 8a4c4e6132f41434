/** What the tlsmgr line of a master.cf sets by `-o`. Without a master.cf there is nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { logicalLines, type Setting } from '../config/main-cf.ts';
import { TlsmgrError, messageOf } from '../errors.ts';
import { overridesOf, parseLine } from './postfix/master-line.ts';

/** Throws FatalError for arguments that the daemon would refuse, and TlsmgrError `UNAVAILABLE`. */
export function masterOverrides(directory: string, serviceName: string): Setting[] {
  const path = join(directory, 'master.cf');
  // Postfix itself tells of odd lines there.
  const line = [...logicalLines(textOf(path), path, () => {})]
    .map((logical) => parseLine(logical.line))
    .findLast(({ service, type }) => service === serviceName && type === 'unix');
  return line === undefined ? [] : overridesOf(line);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') {
      return '';
    }
    throw new TlsmgrError('UNAVAILABLE', messageOf(thrown), { cause: thrown });
  }
}
