/**
 * A replacement of the secret, step by step, while hosts get each file at another
 * time: whatever one host seals, every other host opens.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { sealsOf } from '../../src/fleet/sealing.ts';
import { type FleetSecret, parseFleetSecrets } from '../../src/fleet/secret-file.ts';
import {
  firstSecretFile,
  rotatedSecretFile,
  type SecretFileText,
} from '../../src/fleet/secret-rotation.ts';
import type { Seals } from '../../src/fleet/seals.ts';

const now = new Date('2026-11-26T23:10:59Z');
const later = new Date('2026-12-26T08:00:00Z');

function secretsOf({ content }: SecretFileText): FleetSecret[] {
  const parsed = parseFleetSecrets(content);
  assert.ok(typeof parsed !== 'string');
  return parsed;
}

function next(file: SecretFileText, fresh = randomBytes(32)): SecretFileText {
  const text = rotatedSecretFile(secretsOf(file), fresh, later);
  assert.ok(typeof text !== 'string');
  return text;
}

const sealing = (file: SecretFileText): Seals => sealsOf(secretsOf(file).map(({ bytes }) => bytes));

describe('a replacement of the secret', () => {
  const first = randomBytes(32);
  const second = randomBytes(32);
  const made = firstSecretFile(first, now);
  const added = next(made, second);
  const switched = next(added);
  const removed = next(switched);

  test('adds the new one, lets it seal, and removes the old one', () => {
    const files = [made, added, switched, removed];
    assert.deepEqual(
      files.map((file) => secretsOf(file).map(({ bytes }) => bytes)),
      [[first], [first, second], [second, first], [second]],
    );
    assert.deepEqual(
      files.map((file) => secretsOf(file).map(({ mark }) => `${mark!.role} ${mark!.made}`)),
      [
        ['current 2026-11-26T23:10Z'],
        ['current 2026-11-26T23:10Z', 'new 2026-12-26T08:00Z'],
        ['current 2026-12-26T08:00Z', 'old 2026-11-26T23:10Z'],
        ['current 2026-12-26T08:00Z'],
      ],
    );
    const again = next(removed);
    assert.equal(secretsOf(again).length, 2);
  });

  test('has no step at which a host seals what another one of the step before cannot open', () => {
    const id = { buffer: Buffer.from('id'), start: 0, end: 2 };
    const opens = (by: Seals, other: Seals): boolean => {
      const sealed = by.sealSession('smtp', id, 2000, id);
      const names = other.sessionKeys('smtp', id);
      return (
        names.includes(by.sessionKeys('smtp', id)[0]!) &&
        other.openSession('smtp', id, sealed, 1000, 3600) !== undefined
      );
    };
    const steps = [made, added, switched];
    for (const [index, step] of steps.entries()) {
      for (const other of steps.slice(Math.max(0, index - 1), index + 2)) {
        assert.ok(opens(sealing(step), sealing(other)));
      }
    }
    // The last step is for the time when nothing of the old secret is left.
    assert.ok(opens(sealing(removed), sealing(switched)));
    assert.ok(opens(sealing(switched), sealing(removed)));
    assert.ok(!opens(sealing(made), sealing(removed)));
  });

  test('is told in the file: what has been done, and what comes next', () => {
    for (const [file, state, command] of [
      [made, 'one secret', /^# Then: every month: tlsmgr fleet-secret FILE --rotate$/mu],
      [added, 'step 1 of 3', /^# Then: once every host has it: .* --rotate \(step 2: /mu],
      [switched, 'step 2 of 3', /^# Then: once every host has had it for .*\(step 3: /mu],
      [removed, 'step 3 of 3', /^# Then: every month/mu],
    ] as const) {
      const text = file.content.toString();
      assert.match(text, new RegExp(`^# 2026-1[12]-26T\\d\\d:\\d\\dZ: ${state}`, 'mu'));
      assert.match(text, /^# Next: copy FILE to every host .*: postfix reload$/mu);
      assert.match(text, command);
      assert.equal(file.advice.state.startsWith(state), true);
    }
  });

  test('goes on only from a file that tells where it is', () => {
    const hex = [first, second, randomBytes(32)].map((secret) => secret.toString('hex'));
    const step = (content: string): SecretFileText | string => {
      const parsed = parseFleetSecrets(Buffer.from(content));
      assert.ok(typeof parsed !== 'string');
      return rotatedSecretFile(parsed, randomBytes(32), later);
    };
    assert.equal(typeof step(hex[0]!), 'object', 'one secret without a mark is the current one');
    assert.equal(typeof step(`${hex[0]}\n# new secret\n${hex[1]}`), 'object');
    for (const unclear of [
      `${hex[0]}\n${hex[1]}`,
      `# new secret\n${hex[0]}\n${hex[1]}`,
      `${hex[0]}\n# current secret\n${hex[1]}`,
      `${hex[0]}\n# old secret\n${hex[1]}\n# old secret\n${hex[2]}`,
    ]) {
      const told = step(unclear);
      assert.ok(typeof told === 'string');
      assert.match(told, /^it does not tell which of its secrets is new or old: /u);
    }
  });
});
