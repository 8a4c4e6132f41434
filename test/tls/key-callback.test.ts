/**
 * What Node does with a result of the ticket key callback, tried in processes
 * of their own as it may end them; and that ours gives nothing else than what is safe.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import { hookWorks } from '../../src/tls/hook-check.ts';
import { ticketKeyCallback } from '../../src/tls/key-callback.ts';

const child = fileURLToPath(new URL('./bad-result-child.ts', import.meta.url));

/** What the child says of two visits; `aborted` when it ended otherwise. */
function outcomeOf(result: string, version: string): Promise<string> {
  return new Promise((resolve) => {
    const args = ['--import', 'tsx', child, result, version];
    execFile(process.execPath, args, (error, stdout) => {
      resolve(error === null ? stdout.trim() : `aborted ${stdout.trim()}`.trim());
    });
  });
}

describe('a result of the ticket key callback, as Node takes it', { concurrency: 4 }, () => {
  const cases: [string, RegExp][] = [
    ['good', /^full resumed$/u],
    ['no-key', /^full full$/u],
    ['short-array', /^aborted/u],
    ['no-buffer', /^aborted/u],
    ['throws', /^(?!full)/u],
    ['promise', /^(?!full)/u],
    ['negative', /^(?!full)/u],
    ['long-aes', /^(?!full|aborted)/u],
    ['long-hmac', /^full resumed$/u],
  ];
  for (const [result, due] of cases) {
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      test(`${result} over ${version}`, async () => {
        assert.match(await outcomeOf(result, version), due);
      });
    }
  }
});

describe('our callback', () => {
  const [name, iv] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];

  test('gives a number and four buffers, whatever happens', () => {
    const fail = (): never => {
      throw new Error('injected');
    };
    const none = (): undefined => undefined;
    for (const callback of [
      ticketKeyCallback({ sealing: fail, named: fail, renews: fail }),
      ticketKeyCallback({ sealing: none, named: none, renews: fail }),
    ]) {
      for (const isSealing of [true, false]) {
        const [outcome, ...parts] = callback(name, iv, isSealing);
        assert.equal(outcome, 0);
        assert.ok(parts.every((part) => Buffer.isBuffer(part) && part.length === 16));
        assert.equal(parts.length, 4);
      }
    }
  });

  test('draws another iv for each ticket', () => {
    const key = { name, aes: Buffer.alloc(16, 3), hmac: Buffer.alloc(32, 4) };
    const callback = ticketKeyCallback({
      sealing: () => key,
      named: () => key,
      renews: () => true,
    });
    const [one, other] = [callback(name, iv, true), callback(name, iv, true)];
    assert.deepEqual(one.slice(0, 4), [1, key.hmac, key.aes, key.name]);
    assert.notDeepEqual(one[4], other[4]);
    assert.deepEqual(callback(name, iv, false), [2, key.hmac, key.aes, key.name, iv]);
  });

  test('works in this Node, as the check before its use shows', async () => {
    assert.equal(await hookWorks(), true);
  });
});
