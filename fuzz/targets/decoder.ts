/** The decoder of attribute lists. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { Decoder } from '../../src/protocol/decoder.ts';
import type { Target } from '../target.ts';
import { splitLists } from '../wire.ts';
import { requests, requestWords } from './requests.ts';

const maxListBytes = 1024;
const mostPieces = 600;
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
    assert.ok(decoder.buffer.length <= 2 * (maxListBytes + step), 'takes more memory than that');
  }
  return [...lists, `${decoder.pendingBytes} left`];
}

/** The same by splitting at NULs; undefined: too long. */
function expected(input: Buffer): string[] | undefined {
  const { all, leftBytes, tooLong } = splitLists(input, maxListBytes, false);
  const lists = all.map(
    (strings) => `${strings.length}:${strings.slice(0, keptStrings).join('|')}`,
  );
  return tooLong ? undefined : [...lists, `${leftBytes} left`];
}

export const decoderTarget: Target = {
  name: 'decoder',
  promise: 'the same lists however the bytes are cut, and never more in memory than the limit',
  seeds: requests,
  words: requestWords,
  run(input) {
    const whole = expected(input);
    // A long input byte by byte would only show again what its beginning has shown.
    const shortest = Math.ceil((input.length + 1) / mostPieces);
    for (const step of [shortest, 7 * shortest, 64, Math.max(1, input.length)]) {
      const found = decode(input, step);
      if (whole === undefined) {
        assert.equal(found.at(-1), 'too long', 'misses a list that is too long');
      } else {
        // No diff: of long lists it takes minutes.
        assert.ok(isDeepStrictEqual(found, whole), 'other lists');
      }
    }
  },
};
