/**
 * Fuzzes one target or all, one after the other.
 *
 *     npm run fuzz -- [--target NAME] [--seconds N] [--seed N] [--keep]
 *
 * N seconds a target, 60 if not told. With --keep, inputs that reach new code go
 * into fuzz/corpus. Exit status 1 when a promise is broken; the input is
 * printed in hexadecimal.
 */
import { parseArgs } from 'node:util';
import { keepInput, readCorpus } from './corpus.ts';
import { fuzz } from './engine.ts';
import { targets } from './targets/index.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    keep: { type: 'boolean', default: false },
  },
});
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
if (chosen.length === 0) {
  throw new Error(`no such target; there are ${targets.map(({ name }) => name).join(' ')}`);
}
console.log(`seed ${values.seed}`);
console.log('| target | executions | a second | inputs kept | blocks reached | findings |');
console.log(`|${' --- |'.repeat(6)}`);
for (const target of chosen) {
  const result = await fuzz(target, {
    seed: Number(values.seed),
    executions: Number.POSITIVE_INFINITY,
    untilMs: performance.now() + Number(values.seconds) * 1000,
    corpus: readCorpus(target.name),
    keep: values.keep ? (input) => keepInput(target.name, input) : () => {},
  });
  const { executions, seconds, corpus, blocks, findings } = result;
  const rate = Math.round(executions / seconds);
  console.log(
    `| ${target.name} | ${executions} | ${rate} | ${corpus} | ${blocks} | ${findings.length} |`,
  );
  for (const { input, reason } of findings) {
    process.exitCode = 1;
    console.log(`${target.name}: ${reason}\n    ${input.toString('hex')}`);
  }
}
