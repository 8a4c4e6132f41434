import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CtrDrbg } from '../../src/prng/ctr-drbg.ts';
import { implemented, passes, type VectorFile } from '../../scripts/nist-vectors.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(import.meta.dirname, 'vectors');

function load(name: string): VectorFile {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as VectorFile;
}

function runVectors(...files: string[]): { lines: string[]; status: number | null } {
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'scripts/vectors.ts', ...files],
    { cwd: root, encoding: 'utf8' },
  );
  return { lines: stdout.trimEnd().split('\n'), status };
}

describe("CTR_DRBG against NIST's vectors", () => {
  for (const name of readdirSync(folder)) {
    const file = load(name);
    const options = implemented(file);
    if (options !== undefined) {
      test(`${name}: ${file.tests.length} tests`, () => {
        for (const [index, vector] of file.tests.entries()) {
          assert.ok(passes(vector, options), `test ${index + 1}`);
        }
      });
    }
  }

  test('a wrong expectation is noticed', () => {
    const file = load('ctr-aes256-df.json');
    const [first] = file.tests;
    const last = first!.steps.at(-1)!;
    assert.ok('generate' in last);
    const bits = last.generate.returnedBits!;
    last.generate.returnedBits = (bits.startsWith('0') ? '1' : '0') + bits.slice(1);
    assert.equal(passes(first!, implemented(file)!), false);
  });

  test('wiping leaves nothing of the state', () => {
    const drbg = new CtrDrbg(
      { aesBits: 256, derivationFunction: true },
      Buffer.alloc(32, 1),
      Buffer.alloc(16, 2),
      Buffer.alloc(0),
    );
    const other = new CtrDrbg(
      { aesBits: 256, derivationFunction: true },
      Buffer.alloc(32, 3),
      Buffer.alloc(16, 4),
      Buffer.alloc(0),
    );
    const outputs = [drbg, other].map((one) => {
      one.wipe();
      const output = Buffer.alloc(32);
      one.generate(output, Buffer.alloc(0));
      return output;
    });
    assert.deepEqual(outputs[0], outputs[1]);
  });

  test('an entropy input of the wrong length is refused without a derivation function', () => {
    assert.throws(
      () =>
        new CtrDrbg(
          { aesBits: 256, derivationFunction: false },
          Buffer.alloc(32),
          Buffer.alloc(0),
          Buffer.alloc(0),
        ),
      RangeError,
    );
  });
});

describe('npm run vectors', () => {
  test('counts what passed, and names what is not implemented', () => {
    const { lines, status } = runVectors(
      join(folder, 'ctr-aes256-df.json'),
      join(folder, 'hmac-sha256.json'),
    );
    assert.deepEqual(lines, [
      'ctr-aes256-df.json: 8 of 8 passed',
      'hmac-sha256.json: 1 skipped: HMAC_DRBG SHA-256 is not implemented',
      '8 passed, 0 failed',
    ]);
    assert.equal(status, 0);
  });

  test('names what failed, by file and number', () => {
    const scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-'));
    const path = join(scratch, 'broken.json');
    const file = load('ctr-aes256-df.json');
    const broken = file.tests[1]!;
    broken.entropyInput = broken.entropyInput.replace(/^../u, (byte) =>
      byte === '00' ? '01' : '00',
    );
    writeFileSync(path, JSON.stringify(file));
    const { lines, status } = runVectors(path);
    rmSync(scratch, { recursive: true });
    assert.deepEqual(lines, [
      'broken.json: test 2 failed',
      'broken.json: 7 of 8 passed',
      '7 passed, 1 failed',
    ]);
    assert.equal(status, 1);
  });
});
