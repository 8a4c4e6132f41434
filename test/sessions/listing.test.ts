/** What a page of a listing costs at most. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import { geometryOf } from '../../src/sessions/file/geometry.ts';
import type { EntryPage } from '../../src/sessions/session-cache.ts';
import { span, TestClock } from '../contracts/session-cache.ts';

void describe('a page of a listing', () => {
  void test('looks at 20,000 records, those of deleted entries among them', () => {
    const settings = { lifetimeSeconds: 120, sizeLimitBytes: 0, entryLimit: 0, ...geometryOf(0) };
    const log = new CircularLog(settings, { clock: new TestClock() });
    for (let number = 0; number < 20_000; number += 1) {
      log.update(span(`id ${number}`), span(''));
    }
    for (let number = 1; number < 20_000; number += 1) {
      log.delete(span(`id ${number}`));
    }
    log.update(span('last'), span(''));
    const texts = ({ entries }: EntryPage): string[] => entries.map(({ id }) => id.toString());
    const first = log.list('', 500);
    assert.deepEqual(texts(first), ['id 0']);
    assert.deepEqual(texts(log.list(first.nextCursor, 500)), ['last']);
    log.closeNow();
  });
});
