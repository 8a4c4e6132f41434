/** When the file of a cache is tried again that couldn't be opened. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LogLines } from '../log-lines.ts';
import { TlsmgrError } from '../../src/errors.ts';
import { AwaitedFile } from '../../src/sessions/file/awaited-file.ts';

void describe('a file that a cache waits for', () => {
  void test('is tried after 5 s, 10 s, 20 s, 40 s, and then every 60 s', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const full = Object.assign(new Error('full'), { code: 'ENOSPC' });
    let nowSeconds = 0;
    const attempts: number[] = [];
    const file = new AwaitedFile({
      label: 'smtp',
      path: '/nonexistent/x.tlsmgr',
      error: full,
      open: () => {
        attempts.push(nowSeconds);
        throw new TlsmgrError('STORAGE', 'open database', { cause: full });
      },
      found: () => assert.fail('there is none'),
      log: new LogLines(),
    });
    while (nowSeconds < 260) {
      nowSeconds += 1;
      t.mock.timers.tick(1000);
    }
    file.stop();
    assert.deepEqual(attempts, [5, 15, 35, 75, 135, 195, 255]);
  });
});
