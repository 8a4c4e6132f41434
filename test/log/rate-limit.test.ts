import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { Logger } from '../../src/log/logger.ts';
import { WarningLimiter } from '../../src/log/rate-limit.ts';
import { TestClock, TestTimers } from './scratch.ts';

function setUp() {
  const clock = new TestClock();
  const timers = new TestTimers(clock);
  const lines: { text: string; ms: number }[] = [];
  const log: Logger = {
    verbose: 0,
    info: () => assert.fail('info'),
    error: () => assert.fail('error'),
    warning: (text) => lines.push({ text, ms: clock.ms }),
  };
  const limiter = new WarningLimiter(log, clock, timers.schedule);
  return { clock, timers, lines, limiter, texts: () => lines.map(({ text }) => text) };
}

function never(): string {
  return assert.fail('the text of a suppressed warning was made');
}

describe('limited warnings', () => {
  test('one a second of a kind, the next with the count of those left out', () => {
    const { limiter, texts, timers } = setUp();
    limiter.warn('k', () => 'first');
    for (let count = 0; count < 41; count += 1) {
      limiter.warn('k', never);
    }
    timers.advance(1000);
    limiter.warn('k', () => 'second');
    assert.deepEqual(texts(), ['first', 'second (41 similar messages suppressed)']);
    timers.advance(10_000);
    assert.equal(texts().length, 2);
    limiter.warn('k', () => 'third');
    assert.equal(texts()[2], 'third');
  });

  test('a flood that ended is counted by a line of its own', () => {
    const { limiter, texts, timers } = setUp();
    limiter.warn('k', () => 'first');
    limiter.warn('k', never);
    timers.advance(3000);
    assert.deepEqual(texts(), ['first', 'first (1 similar message suppressed)']);
    assert.equal(timers.armed, 0);
  });

  test('kinds do not count together', () => {
    const { limiter, texts, timers } = setUp();
    limiter.warn('a', () => 'a');
    limiter.warn('b', () => 'b');
    assert.deepEqual(texts(), ['a', 'b']);
    assert.equal(timers.armed, 0, 'a timer without anything left out');
  });

  test('kinds are bounded: further ones share one line a second', () => {
    const { limiter, texts } = setUp();
    for (let kind = 0; kind < 1000; kind += 1) {
      limiter.warn(`kind ${kind}`, () => `text ${kind}`);
    }
    assert.equal(texts().length, 65);
  });

  test('flush logs the counts that are still to come', () => {
    const { limiter, texts, timers } = setUp();
    limiter.warn('k', () => 'first');
    limiter.warn('k', never);
    limiter.warn('k', never);
    limiter.flush();
    limiter.flush();
    assert.deepEqual(texts(), ['first', 'first (2 similar messages suppressed)']);
    assert.equal(timers.armed, 0);
  });

  test('of any flood: at most one line a second and kind, and every warning counted', () => {
    const call = fc.record({ kind: fc.constantFrom('a', 'b'), waitMs: fc.nat({ max: 1500 }) });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
        const { limiter, lines, timers } = setUp();
        for (const { kind, waitMs } of calls) {
          limiter.warn(kind, () => kind);
          timers.advance(waitMs);
        }
        timers.advance(5000);
        assert.equal(timers.armed, 0);
        for (const kind of ['a', 'b']) {
          const mine = lines.filter(({ text }) => text.startsWith(kind));
          for (const [index, { ms }] of mine.entries()) {
            assert.ok(index === 0 || ms - mine[index - 1]!.ms >= 1000);
          }
          const counted = mine
            .map(({ text }) => Number(/\((\d+) /.exec(text)?.[1] ?? 0))
            .reduce((sum, count) => sum + count, 0);
          const asked = calls.filter((each) => each.kind === kind).length;
          const repeats = asked - counted;
          assert.ok(repeats >= 0 && repeats <= mine.length);
        }
      }),
      { numRuns: 300 },
    );
  });
});
