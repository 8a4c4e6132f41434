/** What is fuzzed: a piece of the project that takes bytes from outside. */
export interface Target {
  readonly name: string;
  /** What the piece has to keep to, in words. */
  readonly promise: string;
  /** Inputs to begin with. */
  readonly seeds: readonly Buffer[];
  /** Words that inputs are made of. */
  readonly words: readonly Buffer[];
  /** How many inputs the tests try; 1000 if not told. */
  readonly testRuns?: number;
  /** Processor time that an input may take beyond what the seeds take; 100 ms if not told. */
  readonly budgetMs?: number;
  /** Throws when the promise is broken. */
  run(input: Buffer): void | Promise<void>;
}

export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
