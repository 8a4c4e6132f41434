import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ProcessLogger } from '../../src/log/process-logger.ts';
import { Troubles } from '../../src/log/troubles.ts';
import { TestClock } from './scratch.ts';

describe('what went wrong of late', () => {
  test('warnings and errors count, and the last is told with its age', () => {
    const clock = new TestClock();
    const troubles = new Troubles(clock);
    assert.equal(troubles.report().last, null);
    troubles.note('warning', 'one');
    troubles.note('info', 'nothing');
    troubles.note('error', 'two');
    clock.ms += 90_500;
    assert.deepEqual(troubles.report(), {
      warnings: 1,
      errors: 1,
      lastHour: { warnings: 1, errors: 1 },
      last: { severity: 'error', text: 'two', ageSeconds: 90 },
    });
  });

  test('an hour later they count no longer as recent', () => {
    const clock = new TestClock();
    const troubles = new Troubles(clock);
    troubles.note('warning', 'early');
    clock.ms += 59 * 60_000;
    troubles.note('warning', 'late');
    assert.equal(troubles.report().lastHour.warnings, 2);
    clock.ms += 60_000;
    assert.equal(troubles.report().lastHour.warnings, 1);
    clock.ms += 24 * 3600_000;
    assert.deepEqual(troubles.report().lastHour, { warnings: 0, errors: 0 });
    assert.equal(troubles.report().warnings, 2);
  });

  test('what a logger logs counts by itself, as it was logged', () => {
    const log = new ProcessLogger([], false, new TestClock());
    log.info('all is well');
    log.warning('a\nb');
    assert.equal(log.troubles.report().last?.text, 'a?b');
    assert.equal(log.troubles.report().warnings, 1);
  });
});
