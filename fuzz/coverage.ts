/**
 * Which blocks of the project's own code have run, told by V8 itself: no
 * instrumentation, no native part.
 */
import { type Profiler, Session } from 'node:inspector';

export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  /** Starts to count. */
  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    this.#take();
  }

  /** Blocks seen so far. */
  get blocks(): number {
    return this.#seen.size;
  }

  /** Whether a block has run since the last call that confirm() doesn't know. */
  takeIsFresh(): boolean {
    return this.#take().some((block) => !this.#seen.has(block));
  }

  /** The same, and from now on it is known. */
  confirm(): boolean {
    const before = this.#seen.size;
    for (const block of this.#take()) {
      this.#seen.add(block);
    }
    return this.#seen.size > before;
  }

  stop(): void {
    this.#session.disconnect();
  }

  /** Blocks that have run since the last call. */
  #take(): string[] {
    let scripts: Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) {
        throw error;
      }
      scripts = result;
    });
    const blocks: string[] = [];
    for (const { url, functions } of scripts) {
      if (url.includes('/src/')) {
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            if (count > 0) {
              blocks.push(`${url}:${startOffset}:${endOffset}`);
            }
          }
        }
      }
    }
    return blocks;
  }
}
