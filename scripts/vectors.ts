/**
 * npm run vectors -- FILE...: NIST's vectors against the generator. Says which
 * failed, and ends with `N passed, N failed`; exit status 1 when one did.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { implemented, passes, type VectorFile } from './nist-vectors.ts';

let passed = 0;
let failed = 0;

for (const path of process.argv.slice(2)) {
  const file = JSON.parse(readFileSync(path, 'utf8')) as VectorFile;
  const options = implemented(file);
  if (options === undefined) {
    console.log(
      `${basename(path)}: ${file.tests.length} skipped: ${file.mechanism} ${file.mode} is not implemented`,
    );
    continue;
  }
  let passedHere = 0;
  for (const [index, test] of file.tests.entries()) {
    if (passes(test, options)) {
      passedHere += 1;
    } else {
      failed += 1;
      console.log(`${basename(path)}: test ${index + 1} failed`);
    }
  }
  passed += passedHere;
  console.log(`${basename(path)}: ${passedHere} of ${file.tests.length} passed`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
