/** What the tests of the log share: a directory, a clock that a test sets, timers that it fires. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Clock } from '../../src/system/clock.ts';
import type { Timer } from '../../src/system/timers.ts';

/** A directory of its own, removed after the test file. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tlsmgr-log-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export class TestClock implements Clock {
  ms = 1_000_000;

  nowSeconds(): number {
    return Math.floor(this.ms / 1000);
  }

  monotonicMs(): number {
    return this.ms;
  }
}

/** Timers over a TestClock. */
export class TestTimers {
  readonly #clock: TestClock;
  #armed: { atMs: number; task: () => void }[] = [];

  constructor(clock: TestClock) {
    this.#clock = clock;
  }

  get armed(): number {
    return this.#armed.length;
  }

  readonly schedule = (seconds: number, task: () => void): Timer => {
    const entry = { atMs: this.#clock.ms + seconds * 1000, task };
    this.#armed.push(entry);
    return {
      cancel: () => {
        this.#armed = this.#armed.filter((other) => other !== entry);
      },
    };
  };

  /** Lets time pass; every timer fires at its own time. */
  advance(ms: number): void {
    const untilMs = this.#clock.ms + ms;
    for (;;) {
      const due = this.#armed
        .filter(({ atMs }) => atMs <= untilMs)
        .toSorted((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) {
        break;
      }
      this.#armed = this.#armed.filter((other) => other !== due);
      this.#clock.ms = Math.max(this.#clock.ms, due.atMs);
      due.task();
    }
    this.#clock.ms = untilMs;
  }
}
