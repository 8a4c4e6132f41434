/** Writes main.cf so that Postfix reads it at once. */
import { utimesSync, writeFileSync } from 'node:fs';

/** Postfix waits until a main.cf has not changed for more than a second: so this one is old. */
const ageSeconds = 60;

export function writeMainCf(path: string, parameters: Readonly<Record<string, string>>): void {
  const lines = Object.entries(parameters).map(([name, value]) => `${name} = ${value}\n`);
  writeFileSync(path, lines.join(''));
  const modifiedAtSeconds = Date.now() / 1000 - ageSeconds;
  utimesSync(path, modifiedAtSeconds, modifiedAtSeconds);
}
