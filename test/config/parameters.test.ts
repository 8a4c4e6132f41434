import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parameterPage } from '../../scripts/parameter-page.ts';
import { parameters } from '../../src/config/parameters.ts';
import { noPostconf } from './scratch.ts';

const pagePath = join(import.meta.dirname, '../../docs/parameters.md');

describe('the table of parameters', () => {
  test('has each name once', () => {
    const names = parameters.map(({ name }) => name);
    assert.deepEqual(names.toSorted(), [...new Set(names)].toSorted());
  });

  test('has the defaults of postconf -d', { skip: noPostconf }, () => {
    // Found out at the start, or in newer versions only.
    const others = /^(?:process_|service_name|my|mail_version|config_directory|maillog_file_perm)/u;
    const compared = parameters.filter(({ name, ours }) => ours !== true && !others.test(name));
    const { stdout } = spawnSync(
      '/usr/sbin/postconf',
      ['-d', ...compared.map(({ name }) => name)],
      { encoding: 'utf8' },
    );
    const theirs = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trimEnd())
      .toSorted();
    assert.deepEqual(
      compared.map((parameter) => `${parameter.name} = ${parameter.default}`.trimEnd()).toSorted(),
      theirs,
    );
  });

  test('the page gives a word the words that it can be, and no range', () => {
    assert.match(parameterPage(), /^\| `tlsmgr_transport` .* \| auto, handle or socket \| /mu);
  });

  test('docs/parameters.md is made from it', () => {
    if (process.env['TLSMGR_UPDATE_DOCS'] === '1') {
      writeFileSync(pagePath, parameterPage());
    }
    assert.equal(
      readFileSync(pagePath, 'utf8'),
      parameterPage(),
      'out of date: run the tests with TLSMGR_UPDATE_DOCS=1',
    );
  });
});
