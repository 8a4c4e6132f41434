/** What a circular log takes in of records that were read back from a file. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import { lookupText, span, TestClock } from '../contracts/session-cache.ts';
import { smallGeometry } from './log-on-file.ts';

const limits = { lifetimeSeconds: 120, sizeLimitBytes: 0, entryLimit: 0 };

describe('records that were read back', () => {
  test('a record that is larger than a segment is rejected, and leaves no empty segment', async () => {
    const clock = new TestClock();
    const large = new CircularLog(
      { ...limits, slotBytes: 16_384, segmentBytes: 12_288 },
      { clock },
    );
    large.update(span('large'), span(Buffer.alloc(5000)));
    const { buffer, used } = large.firstSegment!;
    const record = Buffer.from(buffer.subarray(0, used));
    large.closeNow();

    const log = new CircularLog({ ...limits, ...smallGeometry }, { clock });
    const taken = log.readBack([record], () => false);
    assert.deepEqual([taken.segment, taken.rejected], [undefined, [1]]);
    assert.equal(log.firstSegment, undefined);
    log.settle();
    log.update(span('id'), span('session'));
    assert.equal(await lookupText(log, 'id'), 'session');
    log.closeNow();
  });
});
