/** What each call and event does to the mirror of a log in each of its states. */
import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import type { MirrorState } from '../../src/sessions/file/file-mirror.ts';
import { span, TestClock } from '../contracts/session-cache.ts';
import { awake, type LogOnFile, openLogOnFile } from './log-on-file.ts';
import { scratchDirectory } from './scratch.ts';

const flushEveryMs = 250;
/** Longer than any wait of the mirror. */
const itsTimeMs = 61_000;
const ids = ['id 0', 'id 1', 'id 2', 'id 3'];

interface Stage extends LogOnFile {
  /** Ends the write under way, if there is one. */
  endWrite: (error?: Error) => void;
  endAllWrites: () => void;
  /** What the log held when it was closed. */
  atClose: string | undefined;
  isFileClosed: boolean;
}

function contentOf({ log }: LogOnFile): string {
  const found = ids.map((id) => {
    const session = log.lookup(span(id));
    return session?.buffer.toString('latin1', session.start, session.end);
  });
  return JSON.stringify(found);
}

async function whenClosed(made: Stage): Promise<void> {
  await made.mirror.fileClosed;
  made.isFileClosed = true;
}

/** A mirror that is idle, of two records. */
function stageAt(path: string): Stage {
  let underWay: ((error?: Error) => void) | undefined;
  const open = openLogOnFile(
    path,
    new TestClock(),
    {},
    {
      flushEveryMs,
      retryMs: 5000,
      write: (fd, bytes, position, done) => {
        assert.equal(underWay, undefined, 'two writes at a time');
        underWay = (error) => {
          underWay = undefined;
          if (error === undefined) {
            writeSync(fd, bytes, 0, bytes.length, position);
          }
          done(error ?? null);
        };
      },
    },
  );
  const made: Stage = {
    ...open,
    endWrite: (error) => underWay?.(error),
    endAllWrites: () => {
      for (let run = underWay; run !== undefined; run = underWay) {
        run();
      }
    },
    atClose: undefined,
    isFileClosed: false,
  };
  void whenClosed(made);
  open.log.update(span('id 0'), span('first'));
  open.log.update(span('id 1'), span('second'));
  mock.timers.tick(flushEveryMs);
  made.endAllWrites();
  return made;
}

function close(made: Stage): void {
  made.atClose ??= contentOf(made);
  made.log.closeNow();
}

const full = Object.assign(new Error('full'), { errno: -constants.errno.ENOSPC });

/** Brings a mirror into each state. */
const reach: Record<MirrorState, (made: Stage) => void> = {
  idle: () => {},
  waiting: ({ log }) => log.update(span('id 2'), span('third')),
  writing: (made) => {
    reach.waiting(made);
    mock.timers.tick(flushEveryMs);
  },
  suspending: (made) => {
    reach.writing(made);
    made.endWrite(full);
  },
  failed: (made) => {
    reach.suspending(made);
    made.endWrite();
  },
  closing: (made) => {
    reach.writing(made);
    close(made);
  },
  closed: close,
};

const events: Record<string, (made: Stage) => void> = {
  'a record arrives': ({ log }) => log.update(span('id 3'), span('fourth')),
  'a record is replaced': ({ log }) => log.update(span('id 1'), span('another second')),
  'a record dies': ({ log }) => void log.delete(span('id 0')),
  'the segment is gone': ({ log }) => void log.flush(),
  'an unknown id is deleted': ({ log }) => void log.delete(span('unknown')),
  'reading back ends': ({ mirror }) => mirror.readingEnded(),
  'its time': () => mock.timers.tick(itsTimeMs),
  'the write ends': ({ endWrite }) => endWrite(),
  'all writes end': ({ endAllWrites }) => endAllWrites(),
  'the write fails': ({ endWrite }) => endWrite(full),
  'a wait for written()': ({ mirror }) => void mirror.written(),
  'closeNow()': close,
};

/** The state after each event; what isn't named leaves it as it is. */
const after: Record<MirrorState, Partial<Record<string, MirrorState>>> = {
  idle: {
    'a record arrives': 'waiting',
    'a record is replaced': 'waiting',
    'a record dies': 'waiting',
    'the segment is gone': 'waiting',
    'reading back ends': 'waiting',
    'closeNow()': 'closed',
  },
  waiting: { 'its time': 'writing', 'closeNow()': 'closed' },
  writing: { 'all writes end': 'idle', 'the write fails': 'suspending', 'closeNow()': 'closing' },
  suspending: {
    'the write ends': 'failed',
    'all writes end': 'failed',
    'the write fails': 'failed',
    'closeNow()': 'closing',
  },
  failed: { 'its time': 'writing', 'closeNow()': 'closed' },
  closing: { 'the write ends': 'closed', 'all writes end': 'closed', 'the write fails': 'closed' },
  closed: {},
};

const unhealthy: readonly MirrorState[] = ['suspending', 'failed'];

void describe('the mirror of a log', () => {
  let scratch: ReturnType<typeof scratchDirectory>;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    scratch = scratchDirectory();
  });

  afterEach(() => {
    mock.timers.reset();
    scratch.remove();
  });

  for (const from of Object.keys(reach) as MirrorState[]) {
    for (const [event, happen] of Object.entries(events)) {
      const to = after[from][event] ?? from;
      void test(`${from}, ${event}: ${to}`, async () => {
        const path = join(scratch.path, 'cache');
        const made = stageAt(path);
        const { mirror, lines } = made;
        assert.equal(mirror.state, 'idle');
        reach[from](made);
        assert.equal(mirror.state, from);
        happen(made);
        assert.equal(mirror.state, to);
        // What follows from a state, whatever led to it.
        const wasUnhealthy = unhealthy.includes(from);
        assert.equal(
          mirror.healthy(),
          !(unhealthy.includes(to) || (wasUnhealthy && to === 'writing')),
        );
        await Promise.resolve();
        assert.equal(made.isFileClosed, to === 'closed');
        // Whatever has happened, the file ends up holding what the log holds.
        made.endAllWrites();
        for (let cycle = 0; !['idle', 'closed'].includes(mirror.state); cycle += 1) {
          assert.ok(cycle < 5, `is ${mirror.state} for ever`);
          mock.timers.tick(itsTimeMs);
          made.endAllWrites();
        }
        await mirror.written();
        assert.deepEqual(
          lines,
          [
            'warning: cannot write smtp TLS session cache: No space left on device; keeping it in memory alone',
            'smtp TLS session cache is kept in its file again',
          ].slice(
            0,
            wasUnhealthy || to === 'suspending' ? (made.atClose === undefined ? 2 : 1) : 0,
          ),
        );
        close(made);
        await made.mirror.fileClosed;
        const again = openLogOnFile(path, new TestClock());
        await awake(again.loaded);
        assert.equal(contentOf(again), made.atClose);
        again.log.closeNow();
      });
    }
  }

  void test('tries again 5 s, 10 s, 20 s, 40 s after a failure, and then every 60 s', () => {
    const made = stageAt(join(scratch.path, 'cache'));
    reach.suspending(made);
    const attempts: number[] = [];
    for (let seconds = 0; attempts.length < 6; seconds += 1) {
      if (made.mirror.state === 'writing') {
        attempts.push(seconds);
        made.endWrite(full);
      }
      made.endAllWrites();
      mock.timers.tick(1000);
    }
    assert.deepEqual(attempts, [5, 15, 35, 75, 135, 195]);
    close(made);
  });
});
