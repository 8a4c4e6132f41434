/** Whose files are whose: what main.cf and master.cf name beside the options of one process. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { scratchDirectory, writeMainCf } from './scratch.ts';

const directory = scratchDirectory();

function load(mainCf: string[], masterCf: string[], warnings: string[] = []) {
  writeMainCf(directory, ['data_directory = /d', ...mainCf, ''].join('\n'));
  writeFileSync(join(directory, 'master.cf'), [...masterCf, ''].join('\n'));
  return loadConfig({
    configDirectory: directory,
    environment: {},
    overrides: [
      { name: 'smtp_tls_session_cache_database', value: '' },
      { name: 'smtp_tls_session_cache_timeout', value: '0' },
    ],
    programName: 'tlsmgr',
    serviceName: 'tlsmgr',
    mode: 'standalone',
    warn: (text) => warnings.push(text),
  }).otherDatabases;
}

describe('databases that others may have', () => {
  test('are those of main.cf without the overrides, and those of every line of master.cf', () => {
    const found = load(
      [
        'smtp_tls_session_cache_database = btree:$data_directory/one',
        'smtpd_tls_session_cache_database = btree:/d/off',
        'smtpd_tls_session_cache_timeout = 0',
      ],
      [
        'tlsmgr unix - - y 1000? 1 tlsmgr -o smtp_tls_session_cache_database=',
        'second unix - - y 1000? 1 node-tlsmgr/tlsmgr',
        '  -osmtpd_tls_session_cache_database=btree:${data_directory}/two',
        '# -o lmtp_tls_session_cache_database=btree:/d/gone',
        'third unix - - y 1000? 1 tlsmgr -o {lmtp_tls_session_cache_database = btree:/d/three}',
      ],
    );
    assert.deepEqual(found, ['btree:/d/one', 'btree:/d/two', 'btree:/d/three']);
  });

  test('are not known, and a warning says so, when a value or master.cf can not be read', () => {
    const warnings: string[] = [];
    const line = 'tlsmgr unix - - y - 1 tlsmgr -o smtp_tls_session_cache_database=${x';
    assert.equal(load([], [line], warnings), undefined);
    assert.match(warnings[0]!, /macro processing error.*; files of earlier session caches stay/u);
    rmSync(join(directory, 'master.cf'));
    // Nobody waits for a writer.
    assert.equal(spawnSync('mkfifo', [join(directory, 'master.cf')]).status, 0);
    const config = loadConfig({
      configDirectory: directory,
      environment: {},
      overrides: [],
      programName: 'tlsmgr',
      serviceName: 'tlsmgr',
      mode: 'standalone',
      warn: (text) => warnings.push(text),
    });
    assert.equal(config.otherDatabases, undefined);
    assert.match(warnings[1]!, /master\.cf: not a regular file; files of earlier/u);
  });
});
