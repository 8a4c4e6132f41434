/** The reference that `npm run docs` makes of the docstrings. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import * as client from '../../src/client/index.ts';
import * as tls from '../../src/tls/index.ts';
import { mustRun } from '../postfix/run-command.ts';

const root = join(import.meta.dirname, '../..');

describe('the API reference', () => {
  const out = mkdtempSync(join(tmpdir(), 'tlsmgr-api-'));
  after(() => rmSync(out, { recursive: true }));

  test('is made without a warning, and has a page for what is exported', async () => {
    await mustRun(process.execPath, [join(root, 'scripts/docs.mjs'), '--out', out]);
    for (const [name, exported] of Object.entries({ client, tls })) {
      for (const [key, value] of Object.entries(exported)) {
        const folder = String(value).startsWith('class ') ? 'classes' : 'functions';
        assert.ok(existsSync(join(out, folder, `${name}.${key}.html`)), `${folder} ${name}.${key}`);
      }
    }
    const page = readFileSync(join(out, 'classes/client.TlsmgrClient.html'), 'utf8');
    assert.match(page, /Stores a session\./u);
    assert.ok(!page.includes(root));
  });
});
