/** What processes of Postfix do with the answers: they keep two keys, sorted by expiry. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { DerivedSet } from '../../src/fleet/keys/derived-set.ts';
import { KeyAnswers } from '../../src/fleet/keys/key-answers.ts';
import { KeyRules } from '../../src/fleet/keys/key-rules.ts';
import { Periods } from '../../src/fleet/keys/periods.ts';
import { expiryOf } from '../../src/tickets/ticket-key.ts';
import { OpenSeals } from './open-seals.ts';
import {
  beginSeconds,
  firstPeriod as n,
  lifetimeSeconds,
  periodSeconds,
  pool,
  randomKey,
} from './test-fleet.ts';
import { nameOf, TwoSlots } from './two-slots.ts';

const end = (n + 1) * periodSeconds;

function setUp({ shared = true, derives = false } = {}) {
  const clock = {
    seconds: beginSeconds,
    nowSeconds: () => clock.seconds,
    monotonicMs: () => clock.seconds * 1000,
  };
  const periods = new Periods(periodSeconds);
  const rules = new KeyRules({ periods, pool, clock, host: 'mx1' });
  const derived = new DerivedSet({ periods, keySet: 'smtpd', seals: new OpenSeals(), clock });
  const answers = new KeyAnswers({
    periods,
    clock,
    rules: shared ? rules : undefined,
    derived: derives ? derived : undefined,
  });
  /** A key of a period that is in the engine, put there so many seconds ago. @returns its name. */
  const add = (period: number, putAgo = 1000): string => {
    const key = randomKey().subarray(0, 80);
    const putAtMs = (clock.seconds - putAgo) * 1000;
    const value = { origin: period, putAtMs, key, maker: 'mx2' };
    rules.take(period, nameOf(key), value, clock.seconds * 1000);
    return nameOf(key);
  };
  return { clock, periods, rules, derived, answers, add };
}

describe('the expiry that a process is told', () => {
  test('is the end of the period for the key that seals, by name or without', () => {
    const { answers, add } = setUp();
    const name = add(n);
    assert.equal(expiryOf(answers.current()), end);
    assert.equal(nameOf(answers.current()), name);
    assert.equal(expiryOf(answers.named(name)!), end);
  });

  test('is ten seconds while no key is confirmed, and no longer than the period', () => {
    const { clock, answers, add } = setUp();
    const name = add(n, 1);
    assert.equal(expiryOf(answers.current()), clock.seconds + 10);
    assert.equal(expiryOf(answers.named(name)!), clock.seconds + 10);
    clock.seconds = end - 4;
    assert.equal(expiryOf(answers.current()), end);
  });

  test('has passed for each other key: that of its period, or now', () => {
    const { clock, answers, add } = setUp();
    add(n);
    const names = [n - 1, n + 1, n + 2].map((period) => add(period));
    assert.deepEqual(
      names.map((name) => expiryOf(answers.named(name)!)),
      [n * periodSeconds, clock.seconds, clock.seconds],
    );
    const second = add(n, 1);
    assert.equal(expiryOf(answers.named(second)!), clock.seconds, 'of this period, not confirmed');
  });

  test('is ten seconds for a derived key that is the last resort', () => {
    const { clock, answers, add, derived } = setUp({ derives: true });
    const name = nameOf(derived.sealing().bytes);
    assert.equal(nameOf(answers.current()), name);
    assert.equal(expiryOf(answers.current()), clock.seconds + 10);
    add(n, 1);
    assert.equal(nameOf(answers.current()), name, 'a key that is not confirmed seals nothing');
    const confirmed = add(n);
    assert.equal(nameOf(answers.current()), confirmed);
    assert.equal(expiryOf(answers.named(name)!), clock.seconds);
  });

  test('is the end of the period for derived keys alone', () => {
    const { answers } = setUp({ shared: false, derives: true });
    assert.equal(expiryOf(answers.current()), end);
  });
});

describe('the keys that a program is told', () => {
  test('are all that open, and only the first of them seals', () => {
    const { clock, answers, add } = setUp();
    const sealing = add(n);
    add(n - 1);
    add(n + 1);
    const seals = answers
      .keys()
      .filter(({ sealFromSeconds, sealUntilSeconds }) => sealUntilSeconds > sealFromSeconds);
    assert.deepEqual(
      seals.map(({ bytes }) => nameOf(bytes)),
      [sealing],
    );
    assert.deepEqual(
      [seals[0]!.sealFromSeconds, seals[0]!.sealUntilSeconds, seals[0]!.openUntilSeconds],
      [n * periodSeconds, end, end + periodSeconds + 300],
    );
    assert.equal(nameOf(answers.keys()[0]!.bytes), sealing);
    const hasNext = (): boolean =>
      answers.keys().some(({ sealFromSeconds }) => sealFromSeconds === end);
    clock.seconds = end - 301;
    assert.ok(!hasNext());
    clock.seconds = end - 300;
    assert.ok(hasNext(), 'a clock that is ahead may have begun the next period');
  });

  test('count as sealed with when they seal, and not when they only open', () => {
    for (const ask of ['current', 'keys', 'named'] as const) {
      const { answers, add, rules } = setUp();
      const name = add(n);
      const other = add(n - 1);
      answers.named(other);
      assert.equal(rules.named(name)!.sealed, false);
      if (ask === 'named') {
        answers.named(name);
      } else {
        answers[ask]();
      }
      assert.equal(rules.named(name)!.sealed, true, ask);
      assert.equal(rules.named(other)!.sealed, false);
    }
  });

  test('are described without their secrets', () => {
    const { answers, add, rules } = setUp({ derives: true });
    const name = add(n);
    add(n - 1, 1);
    const [first, ...others] = answers.describe();
    assert.deepEqual(
      { ...first, fingerprint: '' },
      {
        fingerprint: '',
        ageSeconds: 0,
        sealsForSeconds: 1200,
        opensForSeconds: 1200 + periodSeconds + 300,
        origin: 'random',
        confirmed: true,
        madeBy: 'mx2',
      },
    );
    const kinds = new Set(others.map(({ origin, confirmed }) => `${origin} ${confirmed}`));
    assert.deepEqual([...kinds].toSorted(), [
      'continued false',
      'continued true',
      'derived true',
      'random false',
    ]);
    const key = rules.named(name)!.bytes;
    const told = JSON.stringify(answers.describe());
    for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const) {
      assert.ok(!told.includes(key.toString(form, 0, 12)), `the name as ${form}`);
      assert.ok(!told.includes(key.toString(form, 16, 28)), `the key as ${form}`);
    }
  });
});

type Step =
  | { readonly does: 'ask' }
  | { readonly does: 'pass'; readonly seconds: number }
  | { readonly does: 'open'; readonly which: number }
  | { readonly does: 'learn'; readonly ahead: number; readonly putAgo: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ does: fc.constant('ask' as const) }),
    fc.record({ does: fc.constant('pass' as const), seconds: fc.nat({ max: 900 }) }),
    fc.record({ does: fc.constant('open' as const), which: fc.nat({ max: 20 }) }),
    fc.record({
      does: fc.constant('learn' as const),
      ahead: fc.integer({ min: -1, max: 2 }),
      putAgo: fc.constantFrom(1, 1000),
    }),
  ),
  { minLength: 5, maxLength: 60 },
);

describe('a process of Postfix', () => {
  for (const derives of [false, true]) {
    test(`never seals with a key that isn't the one of the period, whatever it opens (derived keys: ${derives})`, () => {
      fc.assert(
        fc.property(steps, (taken) => {
          const { clock, periods, answers, add } = setUp({ derives });
          const slots = new TwoSlots(lifetimeSeconds);
          const names: string[] = [];
          /** The periods in which current() has answered with a key, by its name. */
          const sealedIn = new Map<string, number>();
          const seal = (): void => {
            const key = answers.current();
            sealedIn.set(nameOf(key), periods.at(clock.seconds));
            assert.ok(expiryOf(key) > clock.seconds, 'a key that has expired seals nothing');
            if (slots.sealing(clock.seconds) === undefined) {
              slots.take(key);
            }
          };
          for (const step of taken) {
            if (step.does === 'ask') {
              seal();
            } else if (step.does === 'pass') {
              clock.seconds += step.seconds;
            } else if (step.does === 'learn') {
              names.push(add(periods.at(clock.seconds) + step.ahead, step.putAgo));
            } else {
              const name = names[step.which % Math.max(1, names.length)] ?? '';
              // What seals may also be learned by its name.
              seal();
              const key = slots.opens(name, clock.seconds) ? undefined : answers.named(name);
              if (key !== undefined) {
                slots.take(key);
              }
            }
            const sealing = slots.sealing(clock.seconds);
            if (sealing !== undefined) {
              assert.equal(sealedIn.get(sealing), periods.at(clock.seconds));
            }
          }
        }),
        { numRuns: 300 },
      );
    });
  }
});
