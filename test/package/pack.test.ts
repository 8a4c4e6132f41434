/** What `npm pack`, typed in a checkout, does about a dist/ that is older than its sources. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mustRun, runCommand } from '../postfix/run-command.ts';
import { root } from './read-package.ts';

describe('npm pack', () => {
  const checkout = mkdtempSync(join(tmpdir(), 'tlsmgr-pack-'));
  const building = join(checkout, 'scripts/build.mjs');
  const pack = ['pack', checkout, '--pack-destination', checkout];

  before(() => {
    // Rules and settings are the real ones. What they start takes no time here.
    for (const name of ['package.json', '.npmrc']) {
      cpSync(join(root, name), join(checkout, name));
    }
    mkdirSync(join(checkout, 'scripts'));
    mkdirSync(join(checkout, 'dist'));
    writeFileSync(join(checkout, 'dist/index.js'), 'stale');
  });
  after(() => rmSync(checkout, { recursive: true }));

  test('builds first', async () => {
    writeFileSync(
      building,
      `import { writeFileSync } from 'node:fs';
       writeFileSync(new URL('../dist/index.js', import.meta.url), 'fresh');`,
    );
    const said = await mustRun('npm', [...pack, '--loglevel=error']);
    const tarball = join(checkout, said.trim().split('\n').at(-1)!);
    assert.equal(await mustRun('tar', ['-xzOf', tarball, 'package/dist/index.js']), 'fresh');
  });

  test('packs nothing when it can not build', async () => {
    writeFileSync(building, 'process.exit(2);');
    const { status } = await runCommand('npm', pack);
    assert.notEqual(status, 0);
  });
});
