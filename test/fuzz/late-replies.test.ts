/** A request that is answered later, behind one whose reply the client has not read yet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { converse } from '../../fuzz/conversation.ts';
import { inProcessService } from '../../fuzz/in-process-service.ts';
import { splitLists } from '../../fuzz/wire.ts';

const requests = Buffer.from(
  'request\0stats\0\0request\0flush\0cache_type\0smtp\0\0request\0stats\0\0',
);
const maxRequestBytes = 1000;

for (const [unread, name] of ['first', 'second', 'third', 'no'].entries()) {
  test(`${name} reply is read late: all come, in order`, async () => {
    const { service, faults } = inProcessService(maxRequestBytes);
    let writes = 0;
    const { bytes, cutShort } = await converse(service, {
      pieces: [requests],
      takesWrite: () => {
        writes += 1;
        return writes !== unread + 1;
      },
      // Long enough for the answer to arrive before the client reads.
      meanwhile: () =>
        new Promise((resolve) => {
          setImmediate(resolve);
        }),
    });
    assert.deepEqual(faults, []);
    assert.equal(cutShort, false);
    const report = ['status', '0', 'report', '{"of":"a fuzzer"}'];
    assert.deepEqual(splitLists(bytes, Number.POSITIVE_INFINITY).all, [
      report,
      ['status', '0', 'entries', '0'],
      report,
    ]);
  });
}
