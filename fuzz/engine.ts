/**
 * Runs a target on inputs that grow from its corpus: an input that reaches a
 * block of code that none has reached before stays, and others are made from it.
 * One that is slow is a finding like one that breaks the promise. The same seed gives the same run.
 */
import { messageOf } from '../src/errors.ts';
import { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import type { Target } from './target.ts';
import { TimeBudget } from './time-budget.ts';

/** Coverage costs more than most inputs: it is asked for so many at once. */
const batchSize = 100;
/** So many different findings end a run: to make each small takes its time. */
const mostFindings = 5;
const mostTries = 2000;

const tooSlow = 'takes longer than its budget';

export interface FuzzOptions {
  seed: number;
  /** The run ends at whichever comes first. */
  executions: number;
  untilMs: number;
  corpus: readonly Buffer[];
  /** Told of each input that reached something new. */
  keep: (input: Buffer) => void;
  /** Told of each input of the corpus that reaches nothing that those before it have not. */
  spare?: (input: Buffer) => void;
  /** Told of each input before it is tried. */
  begin?: (input: Buffer) => void;
}

export interface FuzzResult {
  executions: number;
  seconds: number;
  corpus: number;
  blocks: number;
  findings: { input: Buffer; reason: string }[];
  /** The input that took longest. */
  slowest: { input: Buffer; milliseconds: number };
}

export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzResult> {
  const random = new Random(options.seed);
  const coverage = new Coverage();
  const corpus: Buffer[] = [];
  const findings: FuzzResult['findings'] = [];
  const startedMs = performance.now();
  const budget = new TimeBudget(target);
  let executions = 0;
  let slowest: FuzzResult['slowest'] = { input: Buffer.alloc(0), milliseconds: 0 };

  const tryOne = async (input: Buffer): Promise<void> => {
    executions += 1;
    options.begin?.(input);
    const beganMs = performance.now();
    try {
      await target.run(Buffer.from(input));
    } catch (thrown) {
      const reason = reasonOf(thrown);
      if (findings.length < mostFindings && findings.every((one) => one.reason !== reason)) {
        findings.push({ input: await smallest(target, input, reason), reason });
      }
      return;
    }
    const milliseconds = performance.now() - beganMs;
    // One is enough: to look again takes its time.
    if (findings.every(({ reason }) => !reason.startsWith(tooSlow))) {
      const excessMs = await budget.excess(input, milliseconds);
      if (excessMs !== undefined) {
        findings.push({ input, reason: `${tooSlow}: ${Math.round(excessMs)} ms` });
      }
    }
    if (milliseconds > slowest.milliseconds) {
      slowest = { input, milliseconds };
    }
  };
  /** Those of a batch that reached something: asked one by one, once the batch did. */
  const tryAll = async (batch: readonly Buffer[]): Promise<void> => {
    for (const input of batch) {
      await tryOne(input);
    }
    if (coverage.takeIsFresh()) {
      for (const input of batch) {
        await tryOne(input);
        if (coverage.confirm()) {
          corpus.push(input);
          options.keep(input);
        }
      }
    }
  };

  await budget.calibrate();
  coverage.start();
  for (const input of [...target.seeds, ...options.corpus]) {
    await tryOne(input);
    if (coverage.confirm()) {
      corpus.push(input);
    } else if (!target.seeds.includes(input)) {
      options.spare?.(input);
    }
  }
  if (corpus.length === 0) {
    corpus.push(...target.seeds);
  }
  const isOver = (): boolean =>
    executions >= options.executions ||
    performance.now() >= options.untilMs ||
    findings.length >= mostFindings;
  while (!isOver()) {
    const batch = Array.from({ length: batchSize }, () =>
      mutate(random.pick(corpus), random.pick(corpus), target.words, random),
    );
    await tryAll(batch);
  }
  return {
    executions,
    seconds: (performance.now() - startedMs) / 1000,
    corpus: corpus.length,
    blocks: coverage.blocks,
    findings,
    slowest,
  };
}

/** The first line: what follows shows the values, and those differ from input to input. */
function reasonOf(thrown: unknown): string {
  return messageOf(thrown).split('\n', 1)[0]!;
}

/** Cuts pieces out of a failing input as long as it fails in the same way, and patience lasts. */
async function smallest(target: Target, input: Buffer, reason: string): Promise<Buffer> {
  let best = input;
  let tries = 0;
  for (let piece = best.length >> 1; piece > 0; piece >>= 1) {
    for (let at = 0; at + piece <= best.length && tries < mostTries;) {
      tries += 1;
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + piece)]);
      if (await failsWith(target, shorter, reason)) {
        best = shorter;
      } else {
        at += piece;
      }
    }
  }
  return best;
}

async function failsWith(target: Target, input: Buffer, reason: string): Promise<boolean> {
  try {
    await target.run(Buffer.from(input));
    return false;
  } catch (thrown) {
    return reasonOf(thrown) === reason;
  }
}
