/**
 * A cache file with right checksums over wrong content, as no accident makes it:
 * what is behind the checksums must hold, too.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import {
  frontBytes,
  ids,
  openCache,
  pathOf,
  sampleInput,
  sessionOf,
  span,
  writeInput,
} from '../cache-sample.ts';
import { latin1, type Target } from '../target.ts';

const manifestHeadBytes = 80;
const manifestEntryBytes = 32;
const frameMagic = latin1('TSMF');
const frameHeaderBytes = 64;

/** Puts the checksum of a manifest where it belongs, if there is room for it. */
function sealManifest(manifest: Buffer): void {
  if (manifest.length < manifestHeadBytes) {
    return;
  }
  const length = manifestHeadBytes + manifest.readUInt32LE(64) * manifestEntryBytes;
  if (length + 4 <= manifest.length) {
    manifest.writeUInt32LE(crc32(manifest.subarray(0, length)), length);
  }
}

function sealFrames(slots: Buffer): void {
  for (let at = slots.indexOf(frameMagic); at >= 0; at = slots.indexOf(frameMagic, at + 4)) {
    const body = at + frameHeaderBytes;
    if (body <= slots.length) {
      const end = body + slots.readUInt32LE(at + 8);
      slots.writeUInt32LE(crc32(slots.subarray(body, Math.min(end, slots.length))), at + 56);
      slots.writeUInt32LE(crc32(slots.subarray(at, at + 60)), at + 60);
    }
  }
}

export const forgedCacheFileTarget: Target = {
  name: 'forged-cache-file',
  promise: 'whatever a file with right checksums says, the cache starts and serves what is stored',
  seeds: [sampleInput(undefined)],
  words: [
    Buffer.alloc(8),
    Buffer.alloc(8, 0xff),
    frameMagic,
    Buffer.from(Float64Array.of(Number.NaN).buffer),
    Buffer.from(Float64Array.of(Number.POSITIVE_INFINITY).buffer),
    Buffer.from(Float64Array.of(-1).buffer),
    Buffer.from(Float64Array.of(0.5).buffer),
    Buffer.from(Float64Array.of(2 ** 53).buffer),
  ],
  testRuns: 200,
  async run(input) {
    sealManifest(input.subarray(0, frontBytes));
    sealManifest(input.subarray(frontBytes, 2 * frontBytes));
    sealFrames(input.subarray(2 * frontBytes));
    const path = pathOf('forged');
    writeInput(path, input);
    const opened = openCache(path, undefined);
    if (opened === undefined) {
      return;
    }
    const { log, loaded } = opened;
    await loaded;
    log.update(span('a new id'), span('a new session'));
    assert.equal(sessionOf(log, 'a new id'), 'a new session', 'does not keep what is stored');
    const { entries } = log.list('', 500);
    for (const { id } of entries) {
      assert.notEqual(
        log.lookup({ buffer: id, start: 0, end: id.length }),
        undefined,
        'lists what it has not',
      );
    }
    assert.ok(log.statistics().entries <= 10 * ids, 'more entries than there is room for');
    log.closeNow();
    const again = openCache(path, undefined);
    await again?.loaded;
    // A file that goes on counting from the wildest numbers may be put aside or begin anew.
    const found = again === undefined ? undefined : sessionOf(again.log, 'a new id');
    assert.ok(found === undefined || found === 'a new session', 'another session than was stored');
    again?.log.closeNow();
  },
};
