/** What each call on a closed circular log does: it answers like an empty cache and takes nothing. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import { span, TestClock } from '../contracts/session-cache.ts';
import { awake, openLogOnFile, smallGeometry } from './log-on-file.ts';
import { scratchDirectory } from './scratch.ts';

const settings = { lifetimeSeconds: 120, sizeLimitBytes: 0, entryLimit: 0, ...smallGeometry };

function closedLog(clock = new TestClock()): CircularLog {
  const log = new CircularLog(settings, { clock });
  log.update(span('one'), span('session'));
  log.update(span('two'), span('session'));
  log.closeNow();
  return log;
}

/** The bytes of one record, as a file gives them back. */
function recordOf(id: string): Buffer {
  const log = new CircularLog(settings, { clock: new TestClock() });
  log.update(span(id), span('session'));
  const { buffer, used } = log.firstSegment!;
  const record = Buffer.from(buffer.subarray(0, used));
  log.closeNow();
  return record;
}

describe('a closed circular log', () => {
  test('misses, and counts the miss', () => {
    const log = closedLog();
    assert.equal(log.lookup(span('one')), undefined);
    assert.equal(log.lookup(span('never stored')), undefined);
    const { hits, misses } = log.statistics();
    assert.deepEqual({ hits, misses }, { hits: 0, misses: 2 });
  });

  test('takes no update, and counts none', () => {
    const log = closedLog();
    const before = log.statistics();
    log.update(span('three'), span('session'));
    log.update(span('one'), span('another session'));
    assert.deepEqual(log.statistics(), before);
  });

  test('finds nothing to delete', () => {
    const log = closedLog();
    const before = log.statistics();
    assert.equal(log.delete(span('one')), false);
    assert.deepEqual(log.statistics(), before);
  });

  test('lists nothing', () => {
    assert.deepEqual(closedLog().list('', 10), { entries: [], nextCursor: '' });
  });

  test('lets nothing expire, and keeps its limits', () => {
    const clock = new TestClock();
    const log = closedLog(clock);
    const before = log.statistics();
    clock.pass(121);
    assert.equal(log.expire(10), 0);
    log.change({ ...settings, entryLimit: 1 });
    log.settle();
    assert.deepEqual(log.statistics(), before);
  });

  test('takes in nothing from a file, and wipes it', () => {
    const record = recordOf('three');
    const log = closedLog();
    const taken = log.readBack([record], () => false);
    assert.deepEqual([taken.segment, taken.rejected], [undefined, []]);
    assert.ok(record.every((byte) => byte === 0));
    assert.equal(log.statistics().entries, 2);
  });

  test('overwrites its memory at a flush, and says how many entries there were', () => {
    const log = closedLog();
    const { buffer, used } = log.firstSegment!;
    const records = buffer.subarray(0, used);
    assert.ok(records.includes('session'));
    assert.equal(log.flush(), 2);
    assert.ok(!records.includes('session'));
    assert.equal(log.flush(), 0);
    assert.equal(log.statistics().entries, 0);
  });

  test('may be closed again', () => {
    const log = closedLog();
    log.closeNow();
    assert.equal(log.lookup(span('one')), undefined);
  });

  test('leaves its file as it was at the close', async () => {
    const scratch = scratchDirectory();
    const path = join(scratch.path, 'cache');
    const { log, mirror } = openLogOnFile(path, new TestClock());
    log.update(span('one'), span('session'));
    await awake(mirror.written());
    log.closeNow();
    await awake(mirror.fileClosed);
    log.update(span('two'), span('session'));
    log.delete(span('one'));
    log.flush();
    const again = openLogOnFile(path, new TestClock());
    await awake(again.loaded);
    assert.notEqual(again.log.lookup(span('one')), undefined);
    assert.equal(again.log.lookup(span('two')), undefined);
    again.log.closeNow();
    scratch.remove();
  });
});
