import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Circuit } from '../../src/client/circuit.ts';

function setUp(random = 0) {
  const clock = { ms: 1000 };
  const circuit = new Circuit(
    () => clock.ms,
    () => random,
  );
  const fail = (times: number): void => {
    for (let count = 0; count < times; count += 1) {
      circuit.failed();
    }
  };
  return { clock, circuit, fail };
}

describe('the circuit', () => {
  test('opens after three failures in a row', () => {
    const { circuit, fail } = setUp();
    fail(2);
    assert.ok(circuit.admits());
    circuit.answered();
    fail(2);
    assert.equal(circuit.state, 'closed');
    fail(1);
    assert.equal(circuit.state, 'open');
    assert.equal(circuit.admits(), false);
  });

  test('lets one call try after its pause', () => {
    const { clock, circuit, fail } = setUp();
    fail(3);
    clock.ms += 99;
    assert.equal(circuit.admits(), false);
    clock.ms += 1;
    assert.ok(circuit.admits());
    assert.equal(circuit.state, 'trial');
    assert.equal(circuit.admits(), false);
    circuit.connected();
    assert.ok(circuit.admits());
  });

  test('opens again at the next failure until there was an answer', () => {
    const { clock, circuit, fail } = setUp();
    fail(3);
    clock.ms += 100;
    circuit.admits();
    circuit.connected();
    fail(1);
    assert.equal(circuit.state, 'open');
    clock.ms += 200;
    circuit.admits();
    circuit.connected();
    circuit.answered();
    fail(2);
    assert.equal(circuit.state, 'closed');
  });

  test('pauses twice as long each time, up to five seconds, less a random part', () => {
    for (const [random, part] of [
      [0, 1],
      [0.5, 0.75],
    ] as const) {
      const { clock, circuit, fail } = setUp(random);
      fail(3);
      const pauses: number[] = [];
      for (let count = 0; count < 9; count += 1) {
        const fromMs = clock.ms;
        while (!circuit.admits()) {
          clock.ms += 1;
        }
        pauses.push(clock.ms - fromMs);
        fail(1);
      }
      assert.deepEqual(
        pauses,
        [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000].map((ms) => ms * part),
      );
    }
  });
});
