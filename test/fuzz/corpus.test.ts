/** Each target keeps its promise for its corpus, and for a run that is the same each time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readCorpus } from '../../fuzz/corpus.ts';
import { fuzz } from '../../fuzz/engine.ts';
import type { Target } from '../../fuzz/target.ts';
import { targets } from '../../fuzz/targets/index.ts';

const usualRuns = 1000;

describe('fuzzing', () => {
  for (const target of targets) {
    test(`${target.name}: ${target.promise}`, async () => {
      const corpus = readCorpus(target.name);
      const { findings, blocks } = await fuzz(target, {
        seed: 1,
        executions: (target.testRuns ?? usualRuns) + corpus.length,
        untilMs: Number.POSITIVE_INFINITY,
        corpus,
        keep: () => {},
      });
      assert.ok(blocks > 0, 'reached none of our code');
      const told = findings.map(({ input, reason }) => `${reason}: ${input.toString('hex')}`);
      assert.deepEqual(told, []);
    });
  }

  test('finds a broken promise, and the smallest input for it', async () => {
    const broken: Target = {
      name: 'broken',
      promise: 'none',
      seeds: [Buffer.from('some words to begin with')],
      words: [Buffer.from('!!')],
      run(input) {
        assert.ok(!input.includes('!!'), 'two of them');
      },
    };
    const { findings } = await fuzz(broken, {
      seed: 1,
      executions: 2000,
      untilMs: Number.POSITIVE_INFINITY,
      corpus: [],
      keep: () => {},
    });
    assert.deepEqual(
      findings.map(({ input, reason }) => [input.toString('latin1'), reason]),
      [['!!', 'two of them']],
    );
  });

  test('finds an input that takes too long, and tells it once', async () => {
    const slow: Target = {
      name: 'slow',
      promise: 'none',
      seeds: [Buffer.from('some words to begin with')],
      words: [],
      budgetMs: 20,
      run(input) {
        const { user } = process.cpuUsage();
        while (input.includes('!!') && process.cpuUsage().user - user < 50_000) {
          // Burns the processor.
        }
      },
    };
    const { findings } = await fuzz(slow, {
      seed: 1,
      executions: 1,
      untilMs: Number.POSITIVE_INFINITY,
      corpus: ['quick', 'slow!!', 'slow, too!!'].map((text) => Buffer.from(text)),
      keep: () => {},
    });
    assert.equal(findings.length, 1);
    assert.match(findings[0]!.reason, /^takes longer than its budget: \d+ ms$/u);
    assert.equal(findings[0]!.input.toString(), 'slow!!');
  });
});
