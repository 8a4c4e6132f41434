/** Simulated fleets; bench/fleet-simulation.ts runs more and longer ones. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { scenarioNames } from './simulation/scenarios.ts';
import { simulate } from './simulation/simulate.ts';

describe('a simulated fleet', () => {
  for (const scenario of scenarioNames) {
    test(`each host opens what any host has sealed: ${scenario}`, async () => {
      // The longest scenario has twelve periods without an engine.
      const hours = scenario === 'long outage' ? 9 : 4;
      const result = await simulate({ scenario, hosts: 4, hours, seed: 1 });
      assert.ok(result.checks > 10_000, `${result.checks} checks`);
      assert.equal(result.unopenable, 0, `first after ${result.firstAfterSeconds} s`);
    });
  }

  test('each host opens what any host has sealed, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...scenarioNames),
        fc.integer({ min: 2, max: 6 }),
        fc.nat({ max: 100_000 }),
        fc.boolean(),
        async (scenario, hosts, seed, derived) => {
          const result = await simulate({ scenario, hosts, hours: 4, seed, derived });
          assert.equal(result.unopenable, 0, `first after ${result.firstAfterSeconds} s`);
        },
      ),
      { numRuns: 16, seed: 18 },
    );
  });

  test('with derived keys as the last resort, tickets sealed before the first read open, too', async () => {
    const scenario = 'start in outage';
    const result = await simulate({ scenario, hosts: 5, hours: 8, seed: 3, derived: true });
    assert.equal(result.unopenable + result.beforeFirstRead, 0);
  });

  test('a fleet far beyond its bounds is told: the check is no empty one', async () => {
    const result = await simulate({ scenario: 'quiet', hosts: 4, hours: 4, seed: 1, offset: 900 });
    assert.ok(result.unopenable > 0);
  });
});
