/** Manifests whose checksum is right and whose content no daemon writes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeManifest, encodeManifest, type Manifest } from '../../src/sessions/manifest.ts';

const entry = (slot: number) => ({
  slot,
  bytes: 100,
  writeNumber: 1,
  lastArrival: 1,
  frames: 1,
  deadFrames: 0,
});

const manifestOf = (slots: readonly number[], cacheSeconds = 1_700_000_000): Manifest => ({
  label: 'smtpd',
  slotBytes: 4096,
  generation: 1,
  epoch: 1,
  lastArrival: 1,
  lastWriteNumber: 1,
  fileId: Buffer.alloc(8),
  writtenAt: { cacheSeconds, wallSeconds: 1_700_000_000 },
  entries: slots.map(entry),
});

describe('a manifest', () => {
  test('is read as it was written', () => {
    const manifest = manifestOf([0, 5, 7999]);
    assert.deepEqual(decodeManifest(encodeManifest(manifest)), manifest);
  });

  test('is none with a slot that no file has, or one slot twice', () => {
    for (const slots of [[8000], [0xffff_ffff], [3, 3]]) {
      assert.equal(decodeManifest(encodeManifest(manifestOf(slots))), undefined, String(slots));
    }
  });

  test('is none when its time leaves no room for what comes', () => {
    assert.equal(decodeManifest(encodeManifest(manifestOf([], 0xffff_fff0))), undefined);
  });
});
