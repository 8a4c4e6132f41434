/**
 * Fuzzes one target or all, one after the other; `daemon` is the whole daemon
 * (npm run build first).
 *
 *     npm run fuzz -- [--target NAME] [--seconds N] [--seed N] [--keep] [--tidy]
 *
 * N seconds a target, 60 if not told. With --keep, inputs that reach new code go
 * into fuzz/corpus; with --tidy, those that reach nothing that shorter ones don't
 * go out of it. Exit status 1 when a promise is broken, or an input takes more
 * of the processor than its target's budget (time-budget.ts); the input is printed in hexadecimal. An input that never ends is printed, too, and ends the
 * process.
 */
import { parseArgs } from 'node:util';
import { dropInput, keepInput, readCorpus } from './corpus.ts';
import { fuzzDaemon } from './daemon.ts';
import { fuzz } from './engine.ts';
import { HangWatch } from './hang-watch.ts';
import type { Target } from './target.ts';
import { targets } from './targets/index.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    keep: { type: 'boolean', default: false },
    tidy: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const wanted = (name: string): boolean => values.target === undefined || name === values.target;
const untilMs = (): number => performance.now() + Number(values.seconds) * 1000;

function tell(name: string, findings: readonly { input: Buffer; reason: string }[]): void {
  for (const { input, reason } of findings) {
    process.exitCode = 1;
    console.log(`${name}: ${reason}\n    ${input.toString('hex')}`);
  }
}

/** What is thrown outside of run(), by a timer for one, ends a daemon: and this run. */
let current: Buffer = Buffer.alloc(0);
process.on('uncaughtException', (thrown) => {
  console.log(thrown.stack);
  console.log(
    `thrown by a task that this input, or one before it, has left:\n    ${current.toString('hex')}`,
  );
  process.exit(1);
});

async function runTarget(target: Target, watch: HangWatch): Promise<void> {
  const { executions, seconds, corpus, blocks, findings, slowest } = await fuzz(target, {
    seed,
    executions: Number.POSITIVE_INFINITY,
    untilMs: untilMs(),
    corpus: readCorpus(target.name).toSorted((a, b) => a.length - b.length),
    spare: values.tidy ? (input) => dropInput(target.name, input) : () => {},
    keep: values.keep ? (input) => keepInput(target.name, input) : () => {},
    begin: (input) => {
      current = input;
      watch.begin(input);
    },
  });
  const rate = Math.round(executions / seconds);
  console.log(
    `| ${target.name} | ${executions} | ${rate} | ${corpus} | ${blocks} | ${Math.ceil(slowest.milliseconds)} | ${findings.length} |`,
  );
  tell(target.name, findings);
}

async function runDaemon(): Promise<void> {
  const result = await fuzzDaemon({
    seed,
    connections: Number.POSITIVE_INFINITY,
    untilMs: untilMs(),
    corpus: readCorpus('service'),
  });
  const { connections, seconds, sentBytes, replies, goodAnswers } = result;
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  console.log(
    `daemon: ${connections} connections (${Math.round(connections / seconds)} a second), ` +
      `${megabytes(sentBytes)} sent, ${replies} replies held beside their requests, ` +
      `${goodAnswers} right answers to the good client, ` +
      `resident ${megabytes(result.startBytes)} at first, ${megabytes(result.endBytes)} at the end`,
  );
  tell('daemon', result.finding === undefined ? [] : [result.finding]);
}

const chosen = targets.filter(({ name }) => wanted(name));
if (chosen.length === 0 && !wanted('daemon')) {
  throw new Error(`no such target; there are ${targets.map(({ name }) => name).join(' ')} daemon`);
}
console.log(`seed ${values.seed}`);
if (chosen.length > 0) {
  const watch = new HangWatch();
  console.log(
    '| target | executions | a second | inputs kept | blocks reached | slowest, ms | findings |',
  );
  console.log(`|${' --- |'.repeat(7)}`);
  for (const target of chosen) {
    await runTarget(target, watch);
  }
  await watch.stop();
}
if (wanted('daemon')) {
  await runDaemon();
}
