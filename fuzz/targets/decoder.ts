/** The decoder of attribute lists. */
import assert from 'node:assert/strict';
import { Decoder } from '../../src/protocol/decoder.ts';
import type { Target } from '../target.ts';
import { requests, requestWords } from './requests.ts';

const maxListBytes = 1024;
/** Of the list's strings the decoder keeps the places of so many. */
const keptStrings = 32;

/** Lists and how it ended, with the bytes coming in pieces of `step`. */
function decode(input: Buffer, step: number): string[] {
  const decoder = new Decoder(maxListBytes);
  const lists: string[] = [];
  for (let at = 0; at < input.length; at += step) {
    const chunk = Buffer.from(input.subarray(at, at + step));
    decoder.push(chunk);
    for (;;) {
      const found = decoder.next();
      if (found === 'too-long') {
        return [...lists, 'too long'];
      }
      if (found === 'nothing') {
        break;
      }
      const { bounds, buffer, stringCount } = decoder;
      const strings = Array.from({ length: Math.min(stringCount, keptStrings) }, (_, index) =>
        buffer.toString('latin1', bounds[index * 2], bounds[index * 2 + 1]),
      );
      lists.push(`${stringCount}:${strings.join('|')}`);
    }
    decoder.keepRest();
    // The chunk was only lent.
    chunk.fill(0xff);
    assert.ok(decoder.pendingBytes <= maxListBytes + step, 'holds more than its limit');
  }
  return [...lists, `${decoder.pendingBytes} left`];
}

/** The same by splitting at NULs. */
function expected(input: Buffer): string[] | undefined {
  const lists: string[] = [];
  let strings: string[] = [];
  let start = 0;
  let listStart = 0;
  for (let nul = input.indexOf(0); nul >= 0; nul = input.indexOf(0, start)) {
    const text = input.toString('latin1', start, nul);
    start = nul + 1;
    if (text === '' && strings.length % 2 === 0) {
      if (start - listStart > maxListBytes) {
        return undefined;
      }
      lists.push(`${strings.length}:${strings.slice(0, keptStrings).join('|')}`);
      strings = [];
      listStart = start;
    } else {
      strings.push(text);
    }
  }
  const left = input.length - listStart;
  return left > maxListBytes ? undefined : [...lists, `${left} left`];
}

export const decoderTarget: Target = {
  name: 'decoder',
  promise: 'the same lists however the bytes are cut, and never more in memory than the limit',
  seeds: requests,
  words: requestWords,
  run(input) {
    const whole = expected(input);
    for (const step of [1, 7, 64, Math.max(1, input.length)]) {
      const found = decode(input, step);
      if (whole === undefined) {
        assert.equal(found.at(-1), 'too long', 'misses a list that is too long');
      } else {
        assert.deepEqual(found, whole, 'other lists');
      }
    }
  },
};
