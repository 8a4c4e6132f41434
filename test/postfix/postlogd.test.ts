/** Lines that leave together, at a real postlogd(8), which writes them to its file. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Outlet } from '../../src/log/outlet.ts';
import { postlogChannel, postlogHead } from '../../src/log/postlog.ts';
import { systemClock } from '../../src/system/clock.ts';
import { PostfixInstance } from './instance.ts';
import { originalTlsmgr, skipWithoutPostfix } from './under-test.ts';

describe('a real postlogd', { skip: skipWithoutPostfix }, () => {
  test('gets every line of a burst, whole and in order, and a long one uncut', async () => {
    const instance = await PostfixInstance.create({ tlsmgr: originalTlsmgr, name: 'burst' });
    try {
      await instance.start();
      const outlet = new Outlet({
        channel: postlogChannel(join(instance.queueDirectory, 'public/postlog')),
        head: postlogHead('burst/tlsmgr', 'mx'),
        clock: systemClock,
        name: 'postlogd',
      });
      const texts = Array.from({ length: 20_000 }, (_, number) => {
        return number % 1000 === 500 ? `${number} ${'x'.repeat(1990)}` : `${number} text`;
      });
      for (const text of texts) {
        outlet.postSoon('info', text);
      }
      outlet.post('warning', 'end');
      const own = `burst/tlsmgr[${process.pid}]: `;
      await instance.waitForLog(/warning: end$/u);
      assert.deepEqual(
        instance
          .logLines(/burst\/tlsmgr/u)
          .map((line) => line.slice(line.indexOf(own) + own.length)),
        [...texts, 'warning: end'],
      );
      outlet.close();
    } finally {
      await instance.stop();
      instance.cleanup();
    }
  });
});
