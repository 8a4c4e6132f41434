/** The timers of a cache: one at most, and none after it has been closed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import { Janitor } from '../../src/sessions/memory/janitor.ts';
import { span, TestClock } from '../contracts/session-cache.ts';
import { smallGeometry } from './log-on-file.ts';

/** Stands in the place of the global timers: fires what is due when it is told to. */
class Timers {
  readonly pending = new Map<object, { task: () => void; ms: number }>();
  #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };

  install(): void {
    const set = (task: () => void, ms: number): object => {
      const handle = { unref: () => handle };
      this.pending.set(handle, { task, ms });
      return handle;
    };
    globalThis.setTimeout = set as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((handle: object) => {
      this.pending.delete(handle);
    }) as typeof clearTimeout;
  }

  remove(): void {
    Object.assign(globalThis, this.#real);
  }

  /** Fires those of up to so many milliseconds, and what they set, until there are none. */
  fire(upToMs: number): void {
    for (let turn = 0; turn < 10_000; turn += 1) {
      const due = [...this.pending].find(([, { ms }]) => ms <= upToMs);
      if (due === undefined) {
        return;
      }
      this.pending.delete(due[0]);
      due[1].task();
    }
    assert.fail('never at rest');
  }
}

describe('the timers of a cache', () => {
  const timers = new Timers();
  before(() => timers.install());
  after(() => timers.remove());

  const settings = { lifetimeSeconds: 120, sizeLimitBytes: 0, entryLimit: 0, ...smallGeometry };

  test('bursts leave one, and closing none', () => {
    const log = new CircularLog(settings, { clock: new TestClock() });
    for (let burst = 0; burst < 10; burst += 1) {
      for (let number = 0; number < 60; number += 1) {
        log.update(span(`${burst} ${number}`), span(Buffer.alloc(500)));
      }
      for (let number = 0; number < 60; number += 1) {
        if (number % 3 !== 0) {
          log.delete(span(`${burst} ${number}`));
        }
      }
      assert.equal(timers.pending.size, 1, `after burst ${burst}`);
      timers.fire(4);
      assert.equal(timers.pending.size, 1, `after the steps of burst ${burst}`);
    }
    log.change({ ...settings, entryLimit: 10 });
    timers.fire(4);
    assert.equal(log.statistics().entries, 10);
    assert.equal(timers.pending.size, 1);
    log.closeNow();
    assert.equal(timers.pending.size, 0);
  });

  test('nothing that is called on a closed cache sets one', () => {
    const log = new CircularLog(settings, { clock: new TestClock() });
    log.update(span('id'), span('session'));
    log.closeNow();
    log.update(span('other'), span('session'));
    log.delete(span('id'));
    log.change({ ...settings, entryLimit: 10 });
    log.settle();
    log.flush();
    assert.equal(timers.pending.size, 0);
  });

  test('what expires goes by the timer, in steps', () => {
    const clock = new TestClock();
    const log = new CircularLog(settings, { clock });
    for (let number = 0; number < 200; number += 1) {
      log.update(span(`id ${number}`), span('session'));
    }
    clock.pass(122);
    timers.fire(121_000);
    assert.equal(log.statistics().expired, 200);
    assert.equal(timers.pending.size, 0, 'an empty cache has nothing to wait for');
    log.closeNow();
  });

  test('work that closes the cache ends it', () => {
    const janitor = new Janitor(() => {
      janitor.close();
      return 'more';
    });
    janitor.wake();
    timers.fire(4);
    assert.equal(timers.pending.size, 0);
    janitor.wake();
    janitor.waitFor(1);
    assert.equal(timers.pending.size, 0);
  });
});
