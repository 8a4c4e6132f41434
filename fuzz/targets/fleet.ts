/** What a fleet reads: values from the engine, and the file of its secrets. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sealsOf } from '../../src/fleet/sealing.ts';
import { parseFleetSecrets } from '../../src/fleet/secret-file.ts';
import { latin1, type Target } from '../target.ts';

/** Sealed once and for all, so that a run can be repeated. */
interface Sample {
  nowMs: number;
  vectors: {
    secret: string;
    sessions: { label: string; id: string; value: string; sealed: string }[];
    keys: {
      set: string;
      periodSeconds: number;
      period: number;
      name: string;
      value: string;
      sealed: string;
    }[];
    heartbeats: { field: string; value: string; sealed: string }[];
  }[];
}

const samplePath = join(import.meta.dirname, '../../test/fleet/sealing-vectors.json');
const { nowMs, vectors } = JSON.parse(readFileSync(samplePath, 'utf8')) as Sample;
const ofHex = (hex: string): Buffer => Buffer.from(hex, 'hex');
const seals = sealsOf(vectors.map(({ secret }) => ofHex(secret)));
const lifetimeSeconds = 7200;
const {
  sessions: [session],
  keys: [key],
  heartbeats: [heartbeat],
} = vectors[0]!;
const id = { buffer: ofHex(session!.id), start: 0, end: session!.id.length / 2 };
const place = { ...key!, name: ofHex(key!.name) };

const samples = [
  {
    ...session!,
    open: (input: Buffer) => seals.openSession(session!.label, id, input, nowMs, lifetimeSeconds),
  },
  { ...key!, open: (input: Buffer) => seals.openKey(place, input, nowMs) },
  {
    ...heartbeat!,
    open: (input: Buffer) => seals.openHeartbeat(heartbeat!.field, input, nowMs),
  },
].map(({ sealed, value, open }) => ({ sealed: ofHex(sealed), value: ofHex(value), open }));

export const sealedValueTarget: Target = {
  name: 'sealed-value',
  promise: 'opens what was sealed for that very place, whole, and nothing else',
  seeds: samples.map(({ sealed }) => sealed),
  words: [
    ...samples.map(({ sealed }) => sealed.subarray(0, 11)),
    samples[0]!.sealed.subarray(11, 23),
    Buffer.alloc(6, 0xff),
    Buffer.from([1]),
  ],
  run(input) {
    for (const { sealed, value, open } of samples) {
      const found = open(input);
      assert.equal(
        found !== undefined,
        input.equals(sealed),
        'opens another value, or not its own',
      );
      assert.ok(found === undefined || found.bytes.equals(value), 'opens to something else');
    }
  },
};

const digits = 'ab'.repeat(32);

export const fleetSecretTarget: Target = {
  name: 'fleet-secret',
  promise: 'one to three secrets of 32 bytes, or a reason that holds nothing of the file',
  seeds: [
    latin1(`${digits}\n`),
    latin1(`# current secret, made 2026-11-26T23:10Z\n${digits}\n# new secret\n${'0'.repeat(64)}`),
  ],
  words: ['\n', '#', ' ', '\r\n', digits, '# old secret', ', made '].map(latin1),
  run(input) {
    const secrets = parseFleetSecrets(input);
    if (typeof secrets === 'string') {
      assert.match(
        secrets,
        /^(?:line \d+ is not 64 hexadecimal digits|there is no secret|more than 3|a secret is there|longer than)/u,
      );
    } else {
      assert.ok(secrets.length >= 1 && secrets.length <= 3, 'another number of secrets');
      assert.ok(
        secrets.every(({ bytes }) => bytes.length === 32),
        'a secret of another length',
      );
    }
  },
};
