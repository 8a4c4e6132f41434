import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Base64Reader } from '../../src/protocol/base64/reader.ts';
import {
  longestSimdText,
  openSimdBase64,
  type SimdBase64,
  type WebAssemblyEngine,
} from '../../src/protocol/base64/simd.ts';
import { writeBase64 } from '../../src/protocol/base64/writer.ts';

const root = join(import.meta.dirname, '..', '..');

const { WebAssembly: engine } = globalThis as unknown as { WebAssembly: WebAssemblyEngine };

/** Sizes around every boundary: of vectors, of the short way, and of the longest text. */
const sizes = [
  ...Array.from({ length: 260 }, (_, size) => size),
  1500,
  6144,
  (longestSimdText / 4) * 3 - 1,
  (longestSimdText / 4) * 3,
  (longestSimdText / 4) * 3 + 1,
  200_000,
];

const someBytes = Buffer.from(
  Array.from({ length: 200_000 }, (_, at) => (at * 167 + (at >> 8)) & 255),
);

const simd = openSimdBase64(engine);
const ways: [string, SimdBase64 | undefined][] = [
  ['by vectors', simd],
  ['a character at a time', undefined],
];
for (const [way, codec] of ways) {
  describe(`base64 ${way}`, () => {
    const reader = new Base64Reader(() => codec);

    const read = (text: string): Buffer | undefined => {
      // With bytes around it, so that a reader that looks beyond its bounds is found out.
      const bytes = Buffer.from(`-${text}_`, 'latin1');
      return reader.read(bytes, 1, bytes.length - 1) ? reader.bytes : undefined;
    };

    const write = (data: Uint8Array): string => {
      const around = Buffer.concat([Buffer.from([255, 255]), data, Buffer.alloc(20, 255)]);
      const length = Math.ceil(data.length / 3) * 4;
      const target = Buffer.alloc(length + 10, '~');
      const end = data.length + 2;
      assert.equal(
        writeBase64(around, 2, end, target, 5, () => codec),
        length,
      );
      assert.equal(target.toString('latin1', 0, 5), '~~~~~');
      assert.equal(target.toString('latin1', length + 5), '~~~~~', 'writes beyond the end');
      return target.toString('latin1', 5, length + 5);
    };

    const table: [string, string | undefined][] = [
      ['', ''],
      ['QUJD', 'ABC'],
      ['QUI=', 'AB'],
      ['QQ==', 'A'],
      ['QR==', 'A'],
      ['QUI=QUJD', undefined],
      ['QUI', undefined],
      ['QUJD=', undefined],
      ['Q===', undefined],
      ['====', undefined],
      ['=', undefined],
      ['=QUJ', undefined],
      ['QU=D', undefined],
      ['QU JD', undefined],
      ['QU J', undefined],
      ['QUJD\n', undefined],
      ['QUJ\n', undefined],
      ['QU-D', undefined],
      ['QU_D', undefined],
      ['QU\xc3D', undefined],
    ];
    for (const [text, expected] of table) {
      test(`${JSON.stringify(text)} is ${expected === undefined ? 'malformed' : 'well formed'}`, () => {
        assert.equal(read(text)?.toString('latin1'), expected);
      });
    }

    test('of every size is what Node makes of it', () => {
      for (const size of sizes) {
        const data = someBytes.subarray(0, size);
        const text = write(data);
        assert.equal(text, data.toString('base64'), `${size} bytes`);
        assert.deepEqual(read(text), Buffer.from(data), `${size} bytes`);
      }
    });

    test('what is encoded comes back', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
          assert.deepEqual(read(write(bytes)), Buffer.from(bytes));
        }),
      );
    });

    test('any byte in any place is taken or refused as the alphabet says', () => {
      const text = someBytes.toString('base64', 0, 48);
      for (let place = 0; place < text.length; place += 1) {
        for (let byte = 0; byte < 256; byte += 1) {
          const letter = String.fromCharCode(byte);
          const sample = text.slice(0, place) + letter + text.slice(place + 1);
          const good =
            /[A-Za-z0-9+/]/u.test(letter) || (byte === 0x3d && place === text.length - 1);
          const expected = good ? Buffer.from(sample, 'base64') : undefined;
          assert.deepEqual(read(sample), expected, `byte ${byte} at ${place}`);
        }
      }
    });

    test('agrees with the grammar on any text', () => {
      const letters = 'ABab01+/=-_ \n\0~'.split('');
      const sample = fc
        .tuple(
          fc.array(fc.constantFrom(...'ABab01+/'.split('')), { maxLength: 40 }),
          fc.array(fc.constantFrom(...letters), { maxLength: 12 }),
        )
        .map((parts) => parts.flat().join(''));
      const wellFormed = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u;
      fc.assert(
        fc.property(sample, (text) => {
          assert.equal(read(text) !== undefined, wellFormed.test(text) && !text.endsWith('\n'));
        }),
        { numRuns: 3000 },
      );
    });

    for (const size of [900, 20_000]) {
      test(`what was read stays while something is written: ${size} bytes`, () => {
        const first = someBytes.subarray(0, size);
        const bytes = read(first.toString('base64'))!;
        write(someBytes.subarray(1000, 4000));
        assert.deepEqual(Buffer.from(bytes), Buffer.from(first));
      });
    }
  });
}

describe('the WebAssembly of base64', () => {
  test('is what simd.wat says', () => {
    const script = join(root, 'scripts', 'wasm.mjs');
    const { stdout, stderr } = spawnSync(process.execPath, [script, '--print'], {
      encoding: 'utf8',
    });
    const module = join(root, 'src', 'protocol', 'base64', 'simd-module.ts');
    assert.equal(stdout, readFileSync(module, 'utf8'), `npm run wasm makes it anew. ${stderr}`);
  });

  test('is used on this machine', () => {
    assert.notEqual(simd, undefined);
  });

  test('leaves nothing in its memory', () => {
    const codec = openSimdBase64(engine)!;
    for (const size of [1, 2, 3, 12, 13, 1500, 60_000]) {
      const data = someBytes.subarray(0, size);
      const text = Buffer.from(data.toString('base64'));
      const target = Buffer.alloc(text.length);
      codec.decode(text, 0, text.indexOf('=') < 0 ? text.length : text.indexOf('='));
      codec.encode(data, 0, size, target, 0);
      // A view of what was decoded is a view of the whole memory; the first kilobyte holds constants.
      const memory = Buffer.from(codec.decoded(1).buffer).subarray(1024);
      codec.wipeDecoded();
      // The letter that stands for zeros is put behind each text.
      const left = memory.findIndex((byte) => byte !== 0 && byte !== 0x41);
      assert.equal(left, -1, `${size} bytes`);
    }
  });

  test('is done without where there is none, or no vectors, or no room', () => {
    class NoRoom {
      readonly exports: unknown;
      constructor() {
        throw new RangeError('WebAssembly.Memory(): could not allocate memory');
      }
    }
    const noRoom = { validate: () => true, Module: engine.Module, Instance: NoRoom };
    assert.equal(openSimdBase64(undefined), undefined);
    assert.equal(openSimdBase64({ ...noRoom, validate: () => false }), undefined);
    assert.equal(openSimdBase64(noRoom), undefined);
  });
});
