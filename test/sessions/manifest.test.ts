/** Manifests whose checksum is right and whose content no daemon writes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeManifest, encodeManifest, type Manifest } from '../../src/sessions/file/manifest.ts';

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

  test('of the first version is read, and written, as it ever was', () => {
    const manifest: Manifest = {
      label: 'smtpd',
      slotBytes: 4096,
      generation: 7,
      epoch: 3,
      lastArrival: 2 ** 40,
      lastWriteNumber: 9,
      fileId: Buffer.from('01234567'),
      writtenAt: { cacheSeconds: 1_700_000_000, wallSeconds: 1_700_000_001 },
      entries: [
        { slot: 5, bytes: 100, writeNumber: 8, lastArrival: 2 ** 40, frames: 2, deadFrames: 1 },
      ],
    };
    const written = Buffer.from(
      'dGxzbWdyU0MBAAAAABAAAHNtdHBkAAAAAAAAAAAAHEAAAAAAAAAIQAAAAAAAAHBCAAAAAAAAIkAwMTIz' +
        'NDU2NwEAAAAA8VNlAfFTZQAAAAAFAAAAZAAAAAAAAAAAACBAAAAAAAAAcEICAAAAAQAAADHDDFY=',
      'base64',
    );
    assert.deepEqual(decodeManifest(written), manifest);
    assert.deepEqual(encodeManifest(manifest), written);
  });

  test('holds any label whole, or refuses it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 300 }),
          fc.stringMatching(/^[a-z-]{6,20}$/u),
        ),
        fc.array(fc.nat({ max: 7999 }), { maxLength: 3 }).map((slots) => [...new Set(slots)]),
        (text, slots) => {
          const manifest = { ...manifestOf(slots), label: text };
          const bytes = Buffer.byteLength(text);
          if (bytes === 0 || bytes > 255 || text.includes('\0')) {
            assert.throws(() => encodeManifest(manifest), { code: 'STORAGE' });
          } else {
            assert.deepEqual(decodeManifest(encodeManifest(manifest)), manifest);
          }
        },
      ),
    );
  });

  test('tells labels apart that begin alike', () => {
    const labels = ['submission', 'submissions', 'submissi'].map((label) => {
      const manifest = { ...manifestOf([1]), label: label };
      return decodeManifest(encodeManifest(manifest))?.label;
    });
    assert.deepEqual(labels, ['submission', 'submissions', 'submissi']);
  });

  test('holds a wall clock beyond 32 bits', () => {
    const manifest = manifestOf([1]);
    manifest.writtenAt.wallSeconds = 2 ** 33 + 5;
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
