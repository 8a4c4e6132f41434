/**
 * A process that dies in the middle of writing: whatever had been written by
 * then, what is read back is what was true at the last complete cycle or later.
 */
import assert from 'node:assert/strict';
import { copyFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import { span, TestClock } from '../contracts/session-cache.ts';
import { awake, openLogOnFile } from './log-on-file.ts';
import { scratchDirectory } from './scratch.ts';

const ids = 80;

interface Change {
  id: number;
  /** -1 deletes. */
  bytes: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  id: fc.nat({ max: ids - 1 }),
  bytes: fc.oneof(
    { weight: 1, arbitrary: fc.constant(-1) },
    { weight: 6, arbitrary: fc.nat({ max: 900 }) },
  ),
});

function lookup(log: CircularLog, id: number): string | undefined {
  const found = log.lookup(span(`id ${id}`));
  return found?.buffer.toString('latin1', found.start, found.end);
}

async function contentOf(path: string, clock: TestClock): Promise<(string | undefined)[]> {
  const copy = openLogOnFile(path, clock, {}, { flushEveryMs: 60_000 });
  await awake(copy.loaded);
  const content = Array.from({ length: ids }, (_, id) => lookup(copy.log, id));
  assert.deepEqual(copy.lines, []);
  copy.log.closeNow();
  return content;
}

void describe('a process that dies while it writes', () => {
  void test('leaves what was true at the last cycle, or later', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(change, { minLength: 1, maxLength: 300, size: 'max' }), {
          minLength: 1,
          maxLength: 6,
        }),
        async (rounds) => {
          const scratch = scratchDirectory();
          const clock = new TestClock();
          const path = join(scratch.path, 'cache');
          let moments: string[] = [];
          let between = (): void => undefined;
          const open = openLogOnFile(
            path,
            clock,
            {},
            {
              write: (fd, bytes, position, done) => {
                writeSync(fd, bytes, 0, bytes.length, position);
                const moment = join(scratch.path, `moment${moments.length}`);
                copyFileSync(path, moment);
                moments.push(moment);
                between();
                setImmediate(done, null);
              },
            },
          );
          const now = new Map<number, string>();
          let serial = 0;
          try {
            for (const round of rounds) {
              const allowed = Array.from({ length: ids }, (_, id) => new Set([now.get(id)]));
              const apply = ({ id, bytes }: Change): void => {
                serial += 1;
                const content = `${serial} `.padEnd(bytes, 'x');
                if (bytes < 0) {
                  open.log.delete(span(`id ${id}`));
                  now.delete(id);
                } else {
                  open.log.update(span(`id ${id}`), span(content));
                  now.set(id, content);
                }
                if (allowed[id]!.size > 1) {
                  // Its first successor may have gone before it was written.
                  allowed[id]!.add(undefined);
                }
                allowed[id]!.add(now.get(id));
              };
              const half = Math.ceil(round.length / 2);
              for (const one of round.slice(0, half)) {
                apply(one);
              }
              // The rest happens while the file is being written.
              const rest = round.slice(half);
              between = () => {
                for (const one of rest.splice(0, 8)) {
                  apply(one);
                }
              };
              moments = [];
              await awake(open.mirror.written());
              for (const moment of moments) {
                const content = await contentOf(moment, clock);
                for (const [id, found] of content.entries()) {
                  assert.ok(allowed[id]!.has(found), `id ${id}: ${found?.slice(0, 20)}`);
                }
              }
            }
          } finally {
            open.log.closeNow();
            scratch.remove();
          }
        },
      ),
      { numRuns: 25, includeErrorInReport: true, interruptAfterTimeLimit: 30_000 },
    );
  });
});
