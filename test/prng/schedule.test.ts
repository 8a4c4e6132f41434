import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import fc from 'fast-check';
import { atRandomTimes, longestPeriodSeconds, nextDelaySeconds } from '../../src/prng/schedule.ts';
import { after } from '../../src/system/timers.ts';

describe('times that nobody can foretell', () => {
  test('lie between 0 and the period, by a random byte', () => {
    assert.equal(nextDelaySeconds(3600, 0), 0);
    assert.equal(nextDelaySeconds(3600, 255), 3600);
    assert.equal(nextDelaySeconds(3600, 100), 1411);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        fc.nat({ max: 255 }),
        (period, byte) => {
          const delay = nextDelaySeconds(period, byte);
          assert.ok(delay >= 0 && delay <= Math.min(period, longestPeriodSeconds));
        },
      ),
    );
  });

  test('come again, each from a fresh byte', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const bytes = [255, 0, 128];
    let runs = 0;
    const pool = {
      fill: (target: Buffer) => void target.fill(bytes.shift() ?? 255),
      stirTime: () => {},
      stirData: () => {},
    };
    const timer = atRandomTimes(100, pool, () => void (runs += 1));
    mock.timers.tick(99_999);
    assert.equal(runs, 0);
    mock.timers.tick(1);
    assert.equal(runs, 1);
    // A byte of 0 is a second, not a loop.
    mock.timers.tick(1000);
    assert.equal(runs, 2);
    mock.timers.tick(50_000);
    assert.equal(runs, 3);
    timer.cancel();
    mock.timers.tick(1_000_000);
    assert.equal(runs, 3);
    mock.timers.reset();
  });
});

describe('long timers', () => {
  test('the longest period runs once, at its end, and not at once', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    let runs = 0;
    after(longestPeriodSeconds, () => void (runs += 1));
    const step = 2 ** 31 - 1;
    let leftMs = longestPeriodSeconds * 1000 - 1;
    while (leftMs > 0) {
      mock.timers.tick(Math.min(step, leftMs));
      leftMs -= step;
    }
    assert.equal(runs, 0);
    mock.timers.tick(1);
    assert.equal(runs, 1);
    mock.timers.reset();
  });
});
