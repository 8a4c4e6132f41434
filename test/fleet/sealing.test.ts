/**
 * The seals of a fleet beside an independent implementation (sealing-vectors.py),
 * and what they refuse.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hkdfSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sealedExtraBytes, sealsOf } from '../../src/fleet/sealing.ts';
import { longestSealedBytes } from '../../src/fleet/seals.ts';
import type { KeyPlace, Seals } from '../../src/fleet/seals.ts';
import type { ByteSpan } from '../../src/sessions/session-cache.ts';
import { isWeakTicketKey } from '../../src/tickets/ticket-key.ts';

interface Vectors {
  secret: string;
  sessions: {
    label: string;
    id: string;
    expiresAtMs: number;
    value: string;
    engineKey: string;
    sealed: string;
  }[];
  keys: {
    set: string;
    periodSeconds: number;
    period: number;
    name: string;
    expiresAtMs: number;
    value: string;
    sealed: string;
  }[];
  derived: { set: string; periodSeconds: number; period: number; key: string }[];
  heartbeats: { host: string; field: string; expiresAtMs: number; value: string; sealed: string }[];
}

const vectorsPath = join(import.meta.dirname, 'sealing-vectors.json');
const text = readFileSync(vectorsPath, 'utf8');
const { nowMs, vectors } = JSON.parse(text) as { nowMs: number; vectors: Vectors[] };
const script = join(import.meta.dirname, 'sealing-vectors.py');
const hasPython = spawnSync('python3', ['-c', 'import cryptography']).status === 0;

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const hour = 3_600_000;
const lifetimeSeconds = 2 * 3600;

function span(content: Buffer | string): ByteSpan {
  const buffer = Buffer.from('before');
  const whole = Buffer.concat([buffer, Buffer.from(content), Buffer.from('behind')]);
  return { buffer: whole, start: buffer.length, end: whole.length - 6 };
}

describe('vectors of another implementation', () => {
  test(
    'are what it makes',
    { skip: !hasPython && 'python3 or its cryptography is missing' },
    () => {
      const { stdout } = spawnSync('python3', [script], { encoding: 'utf8' });
      assert.deepEqual(JSON.parse(stdout), JSON.parse(text));
    },
  );

  for (const [index, one] of vectors.entries()) {
    describe(`secret ${index}`, () => {
      const seals = sealsOf([bytes(one.secret)]);

      test('sessions open, and have its names', () => {
        for (const { label, id, expiresAtMs, value, engineKey, sealed } of one.sessions) {
          const asked = span(bytes(id));
          assert.deepEqual(seals.sessionKeys(label, asked), [engineKey]);
          assert.deepEqual(seals.openSession(label, asked, bytes(sealed), nowMs, lifetimeSeconds), {
            bytes: bytes(value),
            expiresAtMs,
          });
        }
      });

      test('ticket keys open', () => {
        for (const { name, expiresAtMs, value, sealed, ...place } of one.keys) {
          assert.deepEqual(seals.openKey({ ...place, name: bytes(name) }, bytes(sealed), nowMs), {
            bytes: bytes(value),
            expiresAtMs,
          });
        }
      });

      test('ticket keys are derived, those of the first period too', () => {
        for (const { set, periodSeconds, period, key } of one.derived) {
          const [derived] = seals.derivedKeys(set, periodSeconds, period);
          assert.deepEqual(derived, bytes(key));
          assert.equal(isWeakTicketKey(Buffer.concat([derived, Buffer.alloc(8)])), false);
        }
      });

      test('heartbeats open, and have its fields', () => {
        for (const { host, field, expiresAtMs, value, sealed } of one.heartbeats) {
          assert.equal(seals.heartbeatField(host), field);
          assert.deepEqual(seals.openHeartbeat(field, bytes(sealed), nowMs), {
            bytes: bytes(value),
            expiresAtMs,
          });
        }
      });

      test('what is sealed here has its layout', () => {
        const { label, id, expiresAtMs, value, sealed } = one.sessions[0]!;
        const ours = seals.sealSession(label, span(bytes(id)), expiresAtMs, span(bytes(value)));
        assert.equal(ours.length, sealed.length / 2);
        assert.deepEqual(ours.subarray(0, 11), bytes(sealed).subarray(0, 11));
        assert.notDeepEqual(ours.subarray(11), bytes(sealed).subarray(11), 'a nonce of its own');
      });
    });
  }
});

describe('the time of a sealed value', () => {
  const seals = sealsOf([randomBytes(32)]);
  const id = span('the id');
  const place: KeyPlace = { set: 's', periodSeconds: 1800, period: 1000, name: randomBytes(16) };
  const value = Buffer.from('value');

  /** From which time on, and until when, a value opens. */
  function opensBetween(expiresAtMs: number, open: (nowMs: number) => unknown): boolean[] {
    const times = [
      expiresAtMs - lifetimeSeconds * 1000 - 300_001,
      expiresAtMs - lifetimeSeconds * 1000 - 300_000,
      expiresAtMs - 1,
      expiresAtMs,
    ];
    return times.map((time) => open(time) !== undefined);
  }

  test('of a session: until its expiry, which is not later than its lifetime and 300 s', () => {
    const expiresAtMs = 1_700_000_000_000;
    const sealed = seals.sealSession('smtp', id, expiresAtMs, span(value));
    assert.deepEqual(
      opensBetween(expiresAtMs, (now) =>
        seals.openSession('smtp', id, sealed, now, lifetimeSeconds),
      ),
      [false, true, true, false],
    );
  });

  test('of a ticket key: not later than 600 s after the last period that it opens in', () => {
    const latestMs = (1000 + 2) * 1800 * 1000 + 600_000;
    const now = 1000 * 1800 * 1000;
    assert.ok(seals.openKey(place, seals.sealKey(place, latestMs, value), now));
    assert.equal(seals.openKey(place, seals.sealKey(place, latestMs + 1, value), now), undefined);
    assert.equal(seals.openKey(place, seals.sealKey(place, now, value), now), undefined);
  });

  test('of a heartbeat: not later than two hours from now', () => {
    const field = seals.heartbeatField('mx1');
    const now = 1_700_000_000_000;
    const opens = (expiresAtMs: number): boolean =>
      seals.openHeartbeat(field, seals.sealHeartbeat(field, expiresAtMs, value), now) !== undefined;
    assert.deepEqual([now, now + 1, now + 2 * hour, now + 2 * hour + 1].map(opens), [
      false,
      true,
      true,
      false,
    ]);
  });
});

describe('sealed values', () => {
  const expiresAtMs = 1_700_000_000_000;
  const now = expiresAtMs - hour;
  const id = span('the id');

  const session = (seals: Seals): Buffer =>
    seals.sealSession('smtp', id, expiresAtMs, span('the session'));
  const opened = (seals: Seals, sealed: Buffer): string | undefined =>
    seals.openSession('smtp', id, sealed, now, lifetimeSeconds)?.bytes.toString();

  test('open under a second secret, and are sealed under the first', () => {
    const [one, two] = [randomBytes(32), randomBytes(32)];
    const copies = (...secrets: Buffer[]): Seals =>
      sealsOf(secrets.map((secret) => Buffer.from(secret)));
    const old = copies(one);
    const both = copies(two, one);
    const fresh = copies(two);
    assert.equal(both.secrets, 2);
    assert.equal(opened(both, session(old)), 'the session');
    assert.equal(opened(fresh, session(both)), 'the session');
    assert.equal(opened(old, session(both)), undefined);
    assert.deepEqual(both.sessionKeys('smtp', id), [
      ...fresh.sessionKeys('smtp', id),
      ...old.sessionKeys('smtp', id),
    ]);
    assert.deepEqual(both.derivedKeys('s', 1800, 7), [
      ...fresh.derivedKeys('s', 1800, 7),
      ...old.derivedKeys('s', 1800, 7),
    ]);
    assert.equal(both.heartbeatField('mx1'), fresh.heartbeatField('mx1'));
  });

  test('are refused when they are shorter or longer than any, or of another version', () => {
    const seals = sealsOf([randomBytes(32)]);
    const sealed = session(seals);
    for (let length = 0; length < sealed.length; length += 1) {
      assert.equal(opened(seals, sealed.subarray(0, length)), undefined, `${length} bytes`);
    }
    assert.equal(opened(seals, Buffer.concat([sealed, Buffer.alloc(1)])), undefined);
    const longest = Buffer.alloc(longestSealedBytes - sealedExtraBytes + 1, 'x');
    const long = (bytesLess: number): Buffer =>
      seals.sealSession('smtp', id, expiresAtMs, {
        buffer: longest,
        start: bytesLess,
        end: longest.length,
      });
    assert.equal(opened(seals, long(0)), undefined);
    assert.equal(opened(seals, long(1))?.length, longest.length - 1);
    const other = Buffer.from(sealed);
    other[0] = 2;
    assert.equal(opened(seals, other), undefined);
  });

  test('are decrypted once a secret at most, and only when they look like its own', () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const seals = sealsOf([Buffer.from(first), second]);
    const forgery = session(sealsOf([first]));
    forgery[forgery.length - 1]! ^= 1;
    assert.equal(opened(seals, forgery), undefined);
    assert.equal(seals.forged, 1);
    assert.equal(opened(seals, session(sealsOf([randomBytes(32)]))), undefined);
    assert.equal(seals.forged, 1, 'of another secret: not even tried');
    assert.equal(seals.hasExpired(forgery, expiresAtMs - 1), false);
    assert.equal(seals.hasExpired(forgery, expiresAtMs), true);
    assert.equal(seals.hasExpired(forgery.subarray(0, 38), expiresAtMs), false);
  });

  test('of all hours open, also when more hours have been than keys are kept', () => {
    const seals = sealsOf([randomBytes(32)]);
    const day = Array.from({ length: 100 }, (_, index) => expiresAtMs + index * hour);
    const all = day.map((time) => seals.sealSession('smtp', id, time, span(`at ${time}`)));
    for (const [index, time] of day.entries()) {
      const found = seals.openSession('smtp', id, all[index]!, time - 1, lifetimeSeconds);
      assert.equal(found?.bytes.toString(), `at ${time}`);
    }
  });

  test('belong to the caller, and the arguments stay his', () => {
    const seals = sealsOf([randomBytes(32)]);
    const content = span('the session');
    const sealed = seals.sealSession('smtp', id, expiresAtMs, content);
    assert.equal(content.buffer.toString('latin1', content.start, content.end), 'the session');
    content.buffer.fill(0);
    const copy = Buffer.from(sealed);
    assert.equal(opened(seals, sealed), 'the session');
    assert.deepEqual(sealed, copy);
    assert.equal(sealed.buffer.byteLength, sealed.length, 'no piece of shared memory');
  });
});

describe('wiping', () => {
  test('overwrites the secrets; then nothing is sealed, and nothing opens', () => {
    const secrets = [randomBytes(32), randomBytes(32)];
    const seals = sealsOf(secrets);
    const id = span('id');
    const expiresAtMs = Date.now() + hour;
    const sealed = seals.sealSession('smtp', id, expiresAtMs, span('session'));
    seals.wipe();
    seals.wipe();
    assert.ok(secrets.every((secret) => secret.equals(Buffer.alloc(32))));
    assert.equal(seals.secrets, 0);
    assert.throws(
      () => seals.sealSession('smtp', id, expiresAtMs, span('session')),
      /overwritten/u,
    );
    assert.equal(seals.openSession('smtp', id, sealed, Date.now(), lifetimeSeconds), undefined);
    assert.deepEqual(seals.sessionKeys('smtp', id), []);
    assert.deepEqual(seals.derivedKeys('s', 1800, 1), []);
  });

  test('seals are made of one to three secrets of 32 bytes', () => {
    for (const lengths of [[], [31], [33], [32, 32, 32, 32]]) {
      assert.throws(() => sealsOf(lengths.map((length) => randomBytes(length))), RangeError);
    }
    const secret = randomBytes(32);
    const id = hkdfSync('sha256', secret, '', 'tlsmgr fleet 1 id', 32);
    const sealed = sealsOf([secret]).sealHeartbeat('f', 1, Buffer.from('x'));
    assert.deepEqual(sealed.subarray(1, 5), Buffer.from(id).subarray(0, 4));
  });
});
