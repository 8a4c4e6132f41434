/** `-S`: one request on standard input, whatever kind of file that is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PostfixInstance } from '../postfix/instance.ts';
import { skipWithoutPostfix, tlsmgrUnderTest } from '../postfix/under-test.ts';
import { notBuilt } from '../cli/standalone.ts';

const request = 'request\0policy\0cache_type\0smtpd\0\0';
const reply = 'status\x000\0cachable\x001\0timeout\x003600\0\0';

describe('-S', { skip: skipWithoutPostfix || notBuilt }, () => {
  let postfix: PostfixInstance;

  before(async () => {
    postfix = await PostfixInstance.create({ tlsmgr: tlsmgrUnderTest, name: 'stdin' });
  });
  after(() => postfix.cleanup());

  function serve(stdin: number | 'pipe', input = ''): { status: number | null; out: string } {
    const { status, stdout, stderr } = spawnSync(tlsmgrUnderTest, ['-S'], {
      stdio: [stdin, 'pipe', 'pipe'],
      ...(stdin === 'pipe' ? { input } : {}),
      encoding: 'latin1',
      env: { MAIL_CONFIG: postfix.configDirectory },
    });
    return { status, out: stdout + stderr };
  }

  test('a device without anything: status 0', () => {
    const fd = openSync('/dev/null', 'r');
    assert.deepEqual(serve(fd), { status: 0, out: '' });
    closeSync(fd);
  });

  test('a file with a request, and one with half of it', () => {
    const path = join(postfix.directory, 'request');
    for (const [text, out] of [
      [request, reply],
      [request.slice(0, 20), ''],
    ] as const) {
      writeFileSync(path, text);
      const fd = openSync(path, 'r');
      assert.deepEqual(serve(fd), { status: 0, out });
      closeSync(fd);
    }
  });

  test('a pipe with a request, and without', () => {
    assert.deepEqual(serve('pipe', request), { status: 0, out: reply });
    assert.deepEqual(serve('pipe'), { status: 0, out: '' });
  });
});
