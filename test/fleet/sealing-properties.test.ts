/** Sealed values open where they were sealed for, whole, and nowhere else. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { sealsOf } from '../../src/fleet/sealing.ts';
import type { KeyPlace, Seals } from '../../src/fleet/seals.ts';
import type { ByteSpan } from '../../src/sessions/session-cache.ts';

const lifetimeSeconds = 3600;

const content = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const secret = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
const label = fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/u);
/** What tlsmgr_fleet_key_set may be. */
const set = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => !/\p{Cc}/u.test(text));
const periodSeconds = fc.integer({ min: 600, max: 43_200 });
const period = fc.integer({ min: 0, max: 1_000_000 });
const name = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes));
const nowMs = fc.integer({ min: 1, max: 4_000_000_000_000 });
const leftMs = fc.integer({ min: 1, max: lifetimeSeconds * 1000 });
const place: fc.Arbitrary<KeyPlace> = fc.record({ set, periodSeconds, period, name });

function span(buffer: Buffer): ByteSpan {
  return { buffer, start: 0, end: buffer.length };
}

function sealing(...secrets: Buffer[]): Seals {
  return sealsOf(secrets.map((one) => Buffer.from(one)));
}

/** Within the period, and before it ends. */
function timesOf({ periodSeconds: seconds, period: number }: KeyPlace): {
  now: number;
  expiresAtMs: number;
} {
  return { now: number * seconds * 1000, expiresAtMs: ((number + 2) * seconds + 300) * 1000 };
}

function isSamePlace(one: KeyPlace, other: KeyPlace): boolean {
  return (
    one.set === other.set &&
    one.periodSeconds === other.periodSeconds &&
    one.period === other.period &&
    one.name.equals(other.name)
  );
}

describe('a sealed session', () => {
  test('opens as it was, under its secret, and no other secret opens it', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(secret, { minLength: 2, maxLength: 3, comparator: (a, b) => a.equals(b) }),
        label,
        content,
        content,
        nowMs,
        leftMs,
        (secrets, cache, id, session, now, left) => {
          const sealed = sealing(...secrets).sealSession(
            cache,
            span(id),
            now + left,
            span(session),
          );
          const opens = (seals: Seals): unknown =>
            seals.openSession(cache, span(id), sealed, now, lifetimeSeconds);
          const whole = { bytes: session, expiresAtMs: now + left };
          assert.deepEqual(opens(sealing(...secrets)), whole);
          assert.deepEqual(opens(sealing(...secrets.toReversed())), whole);
          assert.deepEqual(opens(sealing(secrets[0]!)), whole);
          assert.equal(opens(sealing(...secrets.slice(1))), undefined);
        },
      ),
    );
  });

  test('is refused in another cache, under another id, and where any bit is flipped', () => {
    fc.assert(
      fc.property(
        secret,
        fc.tuple(label, label),
        fc.tuple(content, content),
        content,
        nowMs,
        leftMs,
        fc.nat(),
        (one, [cache, otherCache], [id, otherId], session, now, left, bit) => {
          const seals = sealing(one);
          const sealed = seals.sealSession(cache, span(id), now + left, span(session));
          const opens = (where: string, what: Buffer, value = sealed): unknown =>
            seals.openSession(where, span(what), value, now, lifetimeSeconds);
          assert.ok(opens(cache, id) !== undefined);
          assert.equal(opens(otherCache, id) !== undefined, cache === otherCache);
          assert.equal(opens(cache, otherId) !== undefined, id.equals(otherId));
          const flipped = Buffer.from(sealed);
          const at = bit % (flipped.length * 8);
          flipped[at >> 3] = flipped[at >> 3]! ^ (1 << (at & 7));
          assert.equal(opens(cache, id, flipped), undefined);
        },
      ),
    );
  });

  test('is refused where any of its bits is flipped, each of them tried', () => {
    const seals = sealing(Buffer.alloc(32, 's'));
    const id = span(Buffer.from('id'));
    const sealed = seals.sealSession('smtp', id, 2000, span(Buffer.from('short')));
    for (let at = 0; at < sealed.length * 8; at += 1) {
      const flipped = Buffer.from(sealed);
      flipped[at >> 3] = flipped[at >> 3]! ^ (1 << (at & 7));
      assert.equal(seals.openSession('smtp', id, flipped, 1000, lifetimeSeconds), undefined);
    }
  });

  test('has names that are the same on all hosts, and another for each cache and id', () => {
    fc.assert(
      fc.property(secret, label, label, content, content, (one, cache, other, id, otherId) => {
        const [key] = sealing(one).sessionKeys(cache, span(id));
        assert.deepEqual(sealing(one).sessionKeys(cache, span(id)), [key]);
        assert.match(key!, /^s:[a-z0-9_]+:[\w-]{22}$/u);
        const isSame = cache === other && id.equals(otherId);
        assert.equal(sealing(one).sessionKeys(other, span(otherId))[0] === key, isSame);
      }),
    );
  });
});

describe('a sealed ticket key', () => {
  test('opens in its place alone: set, period, length of a period, name', () => {
    fc.assert(
      fc.property(secret, place, place, content, (one, right, other, value) => {
        const seals = sealing(one);
        const { now, expiresAtMs } = timesOf(right);
        const sealed = seals.sealKey(right, expiresAtMs, value);
        assert.deepEqual(seals.openKey(right, sealed, now), { bytes: value, expiresAtMs });
        const places: KeyPlace[] = [
          other,
          { ...right, set: other.set },
          { ...right, periodSeconds: other.periodSeconds },
          { ...right, period: other.period },
          { ...right, period: right.period + 1 },
          { ...right, name: other.name },
        ];
        for (const wrong of places.filter((one_) => !isSamePlace(one_, right))) {
          assert.equal(seals.openKey(wrong, sealed, now), undefined);
        }
      }),
    );
  });

  test('is no session and no heartbeat, and none of these is a key', () => {
    fc.assert(
      fc.property(secret, place, content, (one, where, value) => {
        const seals = sealing(one);
        const { now, expiresAtMs } = timesOf(where);
        const key = seals.sealKey(where, expiresAtMs, value);
        const id = span(where.name);
        const session = seals.sealSession(where.set, id, expiresAtMs, span(value));
        const beat = seals.sealHeartbeat(where.set, expiresAtMs, value);
        const opens = {
          key: (sealed: Buffer) => seals.openKey(where, sealed, now),
          session: (sealed: Buffer) => seals.openSession(where.set, id, sealed, now, 10 ** 9),
          beat: (sealed: Buffer) =>
            seals.openHeartbeat(where.set, sealed, Math.max(1, expiresAtMs - 1000)),
        };
        assert.ok(opens.key(key) && opens.session(session) && opens.beat(beat));
        for (const wrong of [
          opens.key(session),
          opens.key(beat),
          opens.session(key),
          opens.session(beat),
          opens.beat(key),
          opens.beat(session),
        ]) {
          assert.equal(wrong, undefined);
        }
      }),
    );
  });
});

describe('derived ticket keys', () => {
  test('are the same on all hosts, and have no part in common with those of another place', () => {
    fc.assert(
      fc.property(secret, place, place, (one, right, other) => {
        const derive = ({ set: of, periodSeconds: seconds, period: number }: KeyPlace): Buffer =>
          sealing(one).derivedKeys(of, seconds, number)[0]!;
        const key = derive(right);
        assert.equal(key.length, 80);
        assert.deepEqual(derive(right), key);
        const wrong = derive({ ...other, period: other.period + 1 });
        const isSame = isSamePlace(right, { ...other, period: other.period + 1, name: right.name });
        for (const [start, end] of [
          [0, 16],
          [16, 48],
          [48, 80],
        ] as const) {
          assert.equal(key.subarray(start, end).equals(wrong.subarray(start, end)), isSame);
        }
      }),
    );
  });
});

describe('a heartbeat', () => {
  test('opens in the field of its host alone', () => {
    fc.assert(
      fc.property(
        secret,
        set,
        set,
        content,
        nowMs,
        leftMs,
        (one, host, other, value, now, left) => {
          const seals = sealing(one);
          const field = seals.heartbeatField(host);
          const sealed = seals.sealHeartbeat(field, now + left, value);
          const whole = { bytes: value, expiresAtMs: now + left };
          assert.deepEqual(seals.openHeartbeat(field, sealed, now), whole);
          assert.equal(
            seals.openHeartbeat(seals.heartbeatField(other), sealed, now) !== undefined,
            host === other,
          );
        },
      ),
    );
  });
});
