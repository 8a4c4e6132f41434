/**
 * Fault injection: each kind of system call of a start and of the saving at the
 * end fails, with each of four errors: the first one that our program makes, each
 * that names a file of this Postfix, and all of them; with --every each single one.
 *
 *     node --import tsx bench/faults/kernel-lies.ts [--every] [--jobs N] [CALL...]
 *
 * Prints a line for each trial that found something, and a table. Needs root,
 * Postfix and strace.
 */
import { parseArgs } from 'node:util';
import {
  type Call,
  type Lie,
  LyingKernel,
  type Outcome,
  sessions,
} from '../../test/faults/lying-kernel.ts';
import { ourTlsmgr } from '../contestants.ts';

const errors = ['EPERM', 'ENOSPC', 'ENOMEM', 'EINTR'] as const;
/** What hands out memory fails in one way only. */
const memoryCalls = /^(?:brk|madvise|mmap|mprotect|munmap)$/u;

const { values, positionals } = parseArgs({
  options: {
    every: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});

type Phase = 'start' | 'saving';

interface Trial {
  phase: Phase;
  lie: Lie;
}

interface Result extends Trial {
  outcome: Outcome;
}

/** The first, each of a file of this Postfix, and all from the first on. */
function timesOf(calls: readonly Call[]): string[] {
  const [first] = calls as [Call];
  const some = calls.filter((call) => values.every || call === first || call.ofInstance);
  return [...some.map(({ number }) => String(number)), `${first.number}+`];
}

function errorsOf(call: string, when: string): readonly string[] {
  if (memoryCalls.test(call)) {
    return ['ENOMEM'];
  }
  // Interrupted for ever, who tries again tries for ever.
  return when.endsWith('+') ? errors.filter((error) => error !== 'EINTR') : errors;
}

function trialsOf(phase: Phase, calls: readonly Call[]): Trial[] {
  const kinds = [...new Set(calls.map(({ call }) => call))];
  return kinds
    .filter((kind) => positionals.length === 0 || positionals.includes(kind))
    .flatMap((kind) =>
      timesOf(calls.filter(({ call }) => call === kind)).flatMap((when) =>
        errorsOf(kind, when).map((error) => ({ phase, lie: { call: kind, error, when } })),
      ),
    );
}

async function work(kernel: LyingKernel, trials: Trial[], results: Result[]): Promise<void> {
  for (let trial = trials.shift(); trial !== undefined; trial = trials.shift()) {
    const outcome =
      trial.phase === 'start'
        ? await kernel.duringStart(trial.lie)
        : await kernel.duringSaving(trial.lie);
    results.push({ ...trial, outcome });
    tell(trial, outcome);
  }
}

function tell({ phase, lie }: Trial, outcome: Outcome): void {
  const { served, kept, keptAfterwards, wrong, told, waitedMs, logged } = outcome;
  if (told !== undefined && (served !== 'the same' || keptAfterwards < sessions || wrong > 0)) {
    console.log(
      `${phase}: ${lie.call} ${lie.error} when=${lie.when}: served by ${served} after ${waitedMs.toFixed(0)} ms, ` +
        `kept ${kept}, then ${keptAfterwards}, wrong ${wrong}; ${logged.slice(0, 3).join(' | ').slice(0, 400)}\n    ${told.slice(0, 160)}`,
    );
  }
}

function printTable(results: readonly Result[]): void {
  console.log(
    '| phase | call | trials | lies told | served by the same process | by the next | by the original | by nobody | sessions lost | wrong ones | longest wait, ms |',
  );
  console.log(`|${' --- |'.repeat(11)}`);
  const groups = new Map<string, Result[]>();
  for (const result of results) {
    const name = `${result.phase} | ${result.lie.call}`;
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  for (const [name, group] of groups) {
    const told = group.filter(({ outcome }) => outcome.told !== undefined);
    const by = (who: Outcome['served']): number =>
      told.filter(({ outcome }) => outcome.served === who).length;
    const sum = (of: (outcome: Outcome) => number): number =>
      told.reduce((total, { outcome }) => total + of(outcome), 0);
    const cells = [
      name,
      group.length,
      told.length,
      by('the same'),
      by('another'),
      by('the original'),
      by('nobody'),
      sum(({ keptAfterwards }) => sessions - keptAfterwards),
      sum(({ wrong }) => wrong),
      Math.max(0, ...told.map(({ outcome }) => outcome.waitedMs)).toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

const kernels = await Promise.all(
  Array.from({ length: Number(values.jobs) }, () => LyingKernel.start(ourTlsmgr(undefined))),
);
try {
  const [first] = kernels as [LyingKernel];
  const trials = [
    ...trialsOf('start', await first.callsOfStart()),
    ...trialsOf('saving', await first.callsOfSaving()),
  ];
  console.log(`${trials.length} trials`);
  const results: Result[] = [];
  await Promise.all(kernels.map((kernel) => work(kernel, trials, results)));
  printTable(results);
} finally {
  await Promise.all(kernels.map((kernel) => kernel.stop()));
}
