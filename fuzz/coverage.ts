/**
 * Which blocks of the project's own code have run, told by V8 itself: no
 * instrumentation, no native part.
 *
 * V8 names a block only where its count differs from that of what is around it,
 * so the blocks named for many inputs at once aren't those named for one. What
 * is compared is therefore what has never run: for each function the stretches
 * that every input has left out. They shrink when an input reaches something.
 *
 * V8 knows the blocks only of functions that have first run after it was told to
 * count, and forgets them when told to stop. So it counts from the moment on that
 * this module is loaded, which must be before the code in question: engine.ts
 * before the targets.
 */
import { type Profiler, Session } from 'node:inspector';

type Stretch = [start: number, end: number];

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

interface KnownFunction {
  /** Stretches that have never run, in order. */
  missed: Stretch[];
  /** Where a block begins or ends. */
  edges: Set<number>;
}

export class Coverage {
  readonly #known = new Map<string, KnownFunction>();

  /** What has run so far doesn't count. */
  start(): void {
    this.#take();
  }

  /** Blocks that have run so far. */
  get blocks(): number {
    let count = 0;
    for (const { missed, edges } of this.#known.values()) {
      const starts = [...edges].toSorted((a, b) => a - b).slice(0, -1);
      count += starts.filter((start) => !isWithin(missed, start)).length;
    }
    return count;
  }

  /** Whether something has run since the last call that confirm() doesn't know. */
  takeIsFresh(): boolean {
    return this.#take().some((one) => {
      const known = this.#known.get(one.key);
      return known === undefined || size(both(known.missed, one.missed)) < size(known.missed);
    });
  }

  /** The same, and from now on it is known. */
  confirm(): boolean {
    let isFresh = false;
    for (const { key, missed, edges } of this.#take()) {
      const known = this.#known.get(key);
      if (known === undefined) {
        this.#known.set(key, { missed, edges: new Set(edges) });
        isFresh = true;
      } else {
        const stillMissed = both(known.missed, missed);
        isFresh ||= size(stillMissed) < size(known.missed);
        known.missed = stillMissed;
        for (const edge of edges) {
          known.edges.add(edge);
        }
      }
    }
    return isFresh;
  }

  /** Functions that have run since the last call. */
  #take(): { key: string; missed: Stretch[]; edges: number[] }[] {
    let scripts: Profiler.ScriptCoverage[] = [];
    session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) {
        throw error;
      }
      scripts = result;
    });
    return scripts
      .filter(({ url }) => url.includes('/src/'))
      .flatMap(({ url, functions }) =>
        functions
          .filter(({ ranges }) => ranges[0]!.count > 0)
          .map(({ ranges }) => ({
            key: `${url}:${ranges[0]!.startOffset}:${ranges[0]!.endOffset}`,
            missed: missedIn(ranges),
            edges: ranges.flatMap(({ startOffset, endOffset }) => [startOffset, endOffset]),
          })),
      );
  }
}

/** Stretches that didn't run, of blocks that lie one in the other, outer ones first. */
function missedIn(ranges: readonly Profiler.CoverageRange[]): Stretch[] {
  let missed: Stretch[] = [];
  for (const { startOffset, endOffset, count } of ranges) {
    missed = without(missed, startOffset, endOffset);
    if (count === 0) {
      missed.push([startOffset, endOffset]);
    }
  }
  return missed.toSorted(([a], [b]) => a - b);
}

function without(stretches: readonly Stretch[], from: number, to: number): Stretch[] {
  return stretches.flatMap(([start, end]): Stretch[] => {
    const left: Stretch[] = start < Math.min(end, from) ? [[start, Math.min(end, from)]] : [];
    const right: Stretch[] = Math.max(start, to) < end ? [[Math.max(start, to), end]] : [];
    return [...left, ...right];
  });
}

/** What lies in both; each in order and without overlaps. */
function both(one: readonly Stretch[], other: readonly Stretch[]): Stretch[] {
  return one.flatMap(([start, end]) =>
    other
      .map(([from, to]): Stretch => [Math.max(start, from), Math.min(end, to)])
      .filter(([from, to]) => from < to),
  );
}

function size(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, [start, end]) => sum + end - start, 0);
}

function isWithin(stretches: readonly Stretch[], at: number): boolean {
  return stretches.some(([start, end]) => start <= at && at < end);
}
