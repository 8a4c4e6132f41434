/**
 * 200 damages to a cache file: cuts, flipped bits, zeroed pages, pages of
 * noise, swapped stretches. Every start succeeds, and what is served is what was
 * stored last under that id, or nothing.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LogLines } from '../log-lines.ts';
import fc from 'fast-check';
import { manifestBytes, slotsStart } from '../../src/sessions/file/manifest.ts';
import { longestIdBytes } from '../../src/sessions/session-cache.ts';
import { span, TestClock } from '../contracts/session-cache.ts';
import { awake, openLogOnFile } from './log-on-file.ts';
import { named, openScratchCaches, scratchDirectory } from './scratch.ts';

const ids = 400;

function idOf(number: number): string {
  return `relay&[192.0.2.1]:25&${number}`;
}

/** Content that tells its id and its turn. */
function contentOf(number: number, turn: number): string {
  return `${number}/${turn}/`.padEnd(200 + ((number * 37 + turn * 101) % 900), '.');
}

interface Sample {
  bytes: Buffer;
  expected: Map<string, string>;
}

/** A file after many replacements and deletions, closed as it should be. */
async function sampleFile(directory: string, clock: TestClock): Promise<Sample> {
  const path = join(directory, 'sample.tlsmgr');
  const geometry = { slotBytes: 65_536, segmentBytes: 57_344 };
  const open = openLogOnFile(path, clock, geometry);
  const expected = new Map<string, string>();
  for (let turn = 0; turn < 6; turn += 1) {
    for (let number = turn % 2; number < ids; number += 1 + (turn % 3)) {
      open.log.update(span(idOf(number)), span(contentOf(number, turn)));
      expected.set(idOf(number), contentOf(number, turn));
    }
    for (let number = turn; number < ids; number += 23) {
      open.log.delete(span(idOf(number)));
      expected.delete(idOf(number));
    }
    await awake(open.mirror.written());
  }
  open.log.closeNow();
  return { bytes: readFileSync(path), expected };
}

const damage = fc.record({
  kind: fc.constantFrom('cut', 'flip', 'zero', 'noise', 'swap'),
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  to: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  seed: fc.nat({ max: 255 }),
});

type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

/** Where a part of the file is, holes left out: they are nothing to damage. */
function placeOf(bytes: Buffer, part: number): number {
  const front = 8192;
  const inUse = front * 2 + (bytes.length - slotsStart);
  const place = Math.floor(part * inUse);
  if (place < front) {
    return place;
  }
  return place < front * 2 ? manifestBytes + place - front : slotsStart + place - front * 2;
}

function damaged(original: Buffer, damages: readonly Damage[]): Buffer {
  let bytes = Buffer.from(original);
  for (const { kind, at, to, seed } of damages) {
    const place = placeOf(original, at);
    const page = place - (place % 4096);
    if (kind === 'cut') {
      bytes = bytes.subarray(0, Math.min(bytes.length, place));
    } else if (kind === 'flip' && place < bytes.length) {
      bytes[place]! ^= 1 << (seed % 8);
    } else if (kind === 'zero') {
      bytes.fill(0, Math.min(page, bytes.length), Math.min(page + 4096, bytes.length));
    } else if (kind === 'noise') {
      for (let index = page; index < Math.min(page + 4096, bytes.length); index += 1) {
        bytes[index] = (index * 31 + seed) & 0xff;
      }
    } else {
      const other = placeOf(original, to);
      const otherPage = Math.min(other - (other % 4096), bytes.length);
      original.copy(bytes, Math.min(page, bytes.length), otherPage, otherPage + 4096);
    }
  }
  return bytes;
}

void describe('a damaged cache file', () => {
  void test(
    'never fails a start and never serves a wrong session',
    { timeout: 120_000 },
    async () => {
      const scratch = scratchDirectory();
      const clock = new TestClock();
      const { bytes, expected } = await sampleFile(scratch.path, clock);
      const path = join(scratch.path, 'damaged');
      let served = 0;
      let starts = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async (damages) => {
          writeFileSync(path, damaged(bytes, damages));
          const log = new LogLines();
          let open: ReturnType<typeof openLogOnFile>;
          try {
            open = openLogOnFile(path, clock, { slotBytes: 65_536, segmentBytes: 57_344 });
          } catch (error) {
            // Both copies of the manifest are gone: openCaches() puts it aside.
            assert.match(String(error), /foreign/);
            starts += 1;
            return;
          }
          await awake(open.loaded);
          starts += 1;
          for (let number = 0; number < ids; number += 1) {
            const found = open.log.lookup(span(idOf(number)));
            if (found !== undefined) {
              const text = found.buffer.toString('latin1', found.start, found.end);
              assert.equal(text, expected.get(idOf(number)), idOf(number));
              served += 1;
            }
          }
          assert.deepEqual(log.lines, []);
          // And it can be written to and read again.
          open.log.update(span('new'), span('content'));
          open.log.closeNow();
          const again = openLogOnFile(path, clock, { slotBytes: 65_536, segmentBytes: 57_344 });
          await awake(again.loaded);
          assert.deepEqual(again.lines, [], 'nothing is damaged any more');
          assert.ok(again.log.lookup(span('new')));
          again.log.closeNow();
        }),
        { numRuns: 200, includeErrorInReport: true },
      );
      scratch.remove();
      assert.equal(starts, 200);
      assert.ok(served > 200 * expected.size * 0.3, `${served} of ${200 * expected.size}`);
    },
  );

  void test('an id that is longer than any may be is not read back', async () => {
    const scratch = scratchDirectory();
    const path = join(scratch.path, 'cache');
    const clock = new TestClock();
    const geometry = { slotBytes: 262_144, segmentBytes: 200_000 };
    const open = openLogOnFile(path, clock, geometry);
    const long = ['i'.repeat(longestIdBytes), 'j'.repeat(longestIdBytes + 1), 'k'];
    for (const id of long) {
      open.log.update(span(id), span('session'));
    }
    open.log.closeNow();
    const again = openLogOnFile(path, clock, geometry);
    await awake(again.loaded);
    assert.deepEqual(
      long.map((id) => again.log.lookup(span(id)) !== undefined),
      [true, false, true],
    );
    again.log.closeNow();
    scratch.remove();
  });

  void test("is put aside when it may be somebody else's, and removed when it is ours but of no use", () => {
    for (const [content, isOurs] of [
      ['not ours', false],
      ['\0'.repeat(300_000), false],
      ['tlsmgrSC'.padEnd(400, '\x01'), true],
      ['\0'.repeat(262_144) + 'tlsmgrSC'.padEnd(400, '\x01'), true],
    ] as const) {
      const scratch = scratchDirectory();
      const path = join(scratch.path, 'scache.tlsmgr');
      writeFileSync(path, content);
      const log = new LogLines();
      const clock = new TestClock();
      const settings = {
        directory: scratch.path,
        clock,
        log,
        persistent: true,
        caches: { smtp: { database: `btree:${scratch.path}/scache` } },
      };
      const caches = openScratchCaches(settings);
      if (isOurs) {
        assert.ok(!existsSync(`${path}.old`));
        assert.match(log.lines[0]!, /^warning: .*tlsmgr is not, or no longer, .*: overwritten/);
      } else {
        assert.equal(readFileSync(`${path}.old`, 'latin1'), content);
        assert.match(log.lines[0]!, /^warning: .*scache\.tlsmgr is not, or no longer, .*renamed/);
      }
      assert.equal(log.lines.length, 1);
      void named(caches, 'smtp').cache!.update(span('a'), span('one'));
      caches.closeNow();

      const asLmtp = openScratchCaches({
        ...settings,
        caches: { lmtp: { database: `btree:${scratch.path}/scache` } },
      });
      assert.equal(named(asLmtp, 'lmtp').cache!.statistics().entries, 0);
      assert.equal(log.lines.length, 2);
      asLmtp.closeNow();
      scratch.remove();
    }
  });
});
