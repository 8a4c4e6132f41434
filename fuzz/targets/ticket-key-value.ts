/** What the engine of a fleet keeps of a ticket key, after it was opened; and its field. */
import assert from 'node:assert/strict';
import {
  longestContinuation,
  nameOfField,
  readKeyValue,
  writeKeyValue,
} from '../../src/fleet/keys/key-value.ts';
import { isWeakTicketKey } from '../../src/tickets/ticket-key.ts';
import { latin1, type Target } from '../target.ts';

const period = 1_000_000;
const key = Buffer.from(Array.from({ length: 80 }, (_, at) => (at * 37 + 11) & 0xff));
const value = { origin: period - 1, putAtMs: 1_800_000_000_000, key, maker: 'mx1.example.com' };

export const ticketKeyValueTarget: Target = {
  name: 'ticket-key-value',
  promise: 'a good key of a plausible origin, or nothing; a field in one form only',
  seeds: [
    writeKeyValue(value),
    writeKeyValue({ ...value, origin: period, maker: '' }),
    latin1(key.toString('base64url', 0, 16)),
  ],
  words: [key.subarray(0, 16), Buffer.alloc(32), latin1('\n'), latin1('mx2'), latin1('AAAA')],
  run(input) {
    // Whatever the name in it is, it is looked for under that.
    const field = input.toString('base64url', 13, 29);
    const read = readKeyValue(input, period, field);
    if (read !== undefined) {
      assert.ok(read.origin <= period && read.origin >= period - longestContinuation, 'its origin');
      assert.ok(read.key.length === 80 && !isWeakTicketKey(read.key), 'a weak key');
      assert.match(read.maker, /^[!-~]*$/u);
      assert.ok(Number.isSafeInteger(read.putAtMs), 'its time');
      const again = readKeyValue(writeKeyValue(read), period, field)!;
      assert.deepEqual(
        { ...again, key: again.key.toString('hex') },
        { ...read, key: read.key.toString('hex') },
      );
    }
    const text = input.toString('latin1');
    const name = nameOfField(text);
    if (name !== undefined) {
      assert.equal(name.length, 16);
      assert.equal(name.toString('base64url'), text, 'a field in two forms');
    }
  },
};
