/** docs/check.md: what it shows is what tlsmgr check says, and it lists every finding. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { noCDaemon } from '../config/c-daemon.ts';
import { sourceFiles } from '../log/message-scan.ts';
import { asUsual, brokenSetUps, putLauncher } from './broken-set-ups.ts';
import { CheckSetUp } from './check-set-up.ts';

const root = join(import.meta.dirname, '../..');
const path = join(root, 'docs/check.md');

describe('docs/check.md', () => {
  test('has every finding under its severity, and no other', () => {
    const listed = [...readFileSync(path, 'utf8').matchAll(/^\| `([a-z-]+)` \| (\w+) \|/gmu)].map(
      ([, name, severity]) => `${severity} ${name}`,
    );
    const files = [
      ...sourceFiles(join(root, 'src/cli/check'), []),
      ...sourceFiles(join(root, 'src/cli/findings'), []),
      join(root, 'src/cli/check.ts'),
      join(root, 'src/cli/install/plan.ts'),
      // What a running daemon says of itself.
      join(root, 'src/report/health.ts'),
      join(root, 'src/report/fleet-health.ts'),
    ];
    const found = files.flatMap((file) => {
      const source = readFileSync(file, 'utf8');
      const whole = source.matchAll(/severity: '(\w+)',\s*name: '([a-z-]+)'/gu);
      const short = source.matchAll(/return finding\(\s*'([a-z-]+)'/gu);
      return [
        ...[...whole].map(([, severity, name]) => `${severity} ${name}`),
        ...[...short].map(([, name]) => `warning ${name}`),
      ];
    });
    // Only install says so.
    const wanted = new Set(found.filter((one) => one !== 'error master-cf-link'));
    assert.deepEqual(listed.toSorted(), [...wanted].toSorted());
  });
});

describe('five broken set-ups', { skip: noCDaemon }, () => {
  let setUp: CheckSetUp;

  before(() => {
    setUp = new CheckSetUp();
    putLauncher(setUp, process.execPath);
  });
  after(() => setUp.remove());

  for (const { title, parameters, line, prepare, cleanUp } of brokenSetUps) {
    test(title, async () => {
      setUp.writeMasterCf(line);
      prepare?.(setUp);
      const { out, err, status } = await setUp.check(parameters);
      cleanUp?.(setUp);
      const document = readFileSync(path, 'utf8');
      const [before_, shown, after_] = sectionOf(document, title);
      const expected = `$ tlsmgr check; echo $?\n${asUsual(out)}${status}\n`;
      if (process.env['TLSMGR_UPDATE_DOCS'] !== undefined) {
        writeFileSync(path, `${before_}${expected}${after_}`);
        return;
      }
      assert.equal(err, '');
      assert.equal(shown, expected);
    });
  }
});

/** The document up to what is shown below a heading, that, and what follows. */
function sectionOf(document: string, title: string): [string, string, string] {
  const heading = document.indexOf(`### ${title}\n`);
  assert.ok(heading >= 0, `no heading ${title}`);
  const fence = '```console\n';
  const start = document.indexOf(fence, heading) + fence.length;
  const end = document.indexOf('```', start);
  return [document.slice(0, start), document.slice(start, end), document.slice(end)];
}
