/** What the tlsmgr line of a master.cf sets by `-o`. Without a master.cf there is nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Setting } from '../config/main-cf.ts';
import { TlsmgrError, messageOf } from '../errors.ts';
import { overridesOf, parseLine } from './postfix/master-line.ts';

/** Throws FatalError for arguments that the daemon would refuse, and TlsmgrError `UNAVAILABLE`. */
export function masterOverrides(directory: string, serviceName: string): Setting[] {
  const line = logicalLines(textOf(join(directory, 'master.cf')))
    .map((text) => parseLine(text))
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

/** A line that begins with a blank goes on with the one before; comments stand between. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (/^\s*(?:#|$)/u.test(line)) {
      continue;
    }
    if (/^\s/u.test(line) && lines.length > 0) {
      lines.push(`${lines.pop()!}\n${line}`);
    } else {
      lines.push(line);
    }
  }
  return lines;
}
