import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RandomPool } from '../../src/prng/random.ts';
import { Decoder } from '../../src/protocol/decoder.ts';
import { Encoder } from '../../src/protocol/encoder.ts';
import { Dispatcher } from '../../src/requests/dispatcher.ts';
import { RequestCounts } from '../../src/requests/request-counts.ts';
import { ticketRingRequest } from '../../src/requests/ticket-ring.ts';
import { KeyRing } from '../../src/tickets/key-ring.ts';
import { readScopedKeys } from '../../src/tickets/scoped-key.ts';
import { randomFillSync } from 'node:crypto';
import { list } from '../socket/harness.ts';

const pool: RandomPool = {
  fill: (target, start, end) => void randomFillSync(target, start, end - start),
  stirTime: () => {},
  stirData: () => {},
};

function setUp(lifetimeSeconds = 3600) {
  const clock = {
    seconds: 1_700_000_000,
    nowSeconds: () => clock.seconds,
    monotonicMs: () => clock.seconds * 1000,
  };
  const ring = new KeyRing(lifetimeSeconds, pool, clock);
  const warnings: string[] = [];
  const warn = (_kind: string, text: () => string): void => void warnings.push(text());
  const dispatcher = new Dispatcher({
    types: [ticketRingRequest(ring, warn)],
    serviceName: 'tlsmgr',
    warn,
    counts: new RequestCounts(['tktring']),
    stirTime: () => {},
  });
  const ask = (scope: string): string => {
    const decoder = new Decoder(1_000_000);
    decoder.push(Buffer.from(list('request', 'tktring', 'scope', scope)));
    assert.equal(decoder.next(), 'list');
    const reply = new Encoder();
    assert.equal(dispatcher.answer(decoder, reply), undefined);
    return reply.buffer.toString('latin1', 0, reply.length);
  };
  const keysOf = (reply: string) => readScopedKeys(Buffer.from(reply.split('\0')[3]!, 'base64'))!;
  return { clock, ring, warnings, ask, keysOf };
}

describe('tktring', () => {
  test('gives all keys of the ring with their times, the one that seals first', () => {
    const { clock, ring, ask, keysOf } = setUp();
    const start = clock.seconds;
    const first = keysOf(ask('web'));
    assert.deepEqual(
      first.map(({ sealFromSeconds, sealUntilSeconds, openUntilSeconds }) => [
        sealFromSeconds - start,
        sealUntilSeconds - start,
        openUntilSeconds - start,
      ]),
      [[0, 1799, 3599]],
    );
    clock.seconds += 1799;
    const second = keysOf(ask('web'));
    assert.equal(second.length, 2);
    assert.deepEqual(second[1], first[0]);
    assert.equal(second[0]!.sealFromSeconds, start + 1799);
    assert.deepEqual(second[0]!.name, ring.current().subarray(0, 16));
  });

  test('never gives a byte of the key that Postfix has', () => {
    const { ring, ask, keysOf } = setUp();
    const [key] = keysOf(ask('web'));
    const [other] = keysOf(ask('mail'));
    for (const { aes, hmac } of [key!, other!]) {
      assert.ok(!ring.current().includes(aes.subarray(0, 8)));
      assert.ok(!ring.current().includes(hmac.subarray(0, 8)));
    }
    assert.notDeepEqual(key!.aes, other!.aes);
    assert.notDeepEqual(key!.hmac, other!.hmac);
  });

  test('a scope has 1 to 255 bytes', () => {
    const { warnings, ask } = setUp();
    const refused = list('status', '4294967294', 'keys', '');
    assert.equal(ask(''), refused);
    assert.equal(ask('s'.repeat(256)), refused);
    assert.deepEqual(warnings, [
      'invalid session ticket scope length: 0',
      'invalid session ticket scope length: 256',
    ]);
    assert.match(ask('s'.repeat(255)), /^status\0(?:0)\0/u);
  });

  test('is -1 while no tickets are given out', () => {
    assert.equal(setUp(0).ask('web'), list('status', '4294967295', 'keys', ''));
  });
});
