/**
 * NIST's DRBG vectors as JSON: one object a file with `mechanism`, `mode`,
 * `derivationFunction` and `tests`; byte strings are hexadecimal, an empty one
 * is an absent input. A test instantiates with `entropyInput`, `nonce` and
 * `personalizationString`, then runs its `steps`: `reseed` or `generate`, the
 * latter compared with `returnedBits` unless that is null. With
 * `predictionResistance` each generate reseeds first (SP 800-90A, 9.3.1 step 7).
 */
import { CtrDrbg, type CtrDrbgOptions } from '../src/prng/ctr-drbg.ts';

interface ReseedStep {
  entropyInput: string;
  additionalInput: string;
}

interface GenerateStep {
  entropyInput?: string;
  additionalInput: string;
  returnedBytes: number;
  returnedBits: string | null;
}

interface VectorTest {
  predictionResistance?: boolean;
  entropyInput: string;
  nonce: string;
  personalizationString: string;
  steps: ({ reseed: ReseedStep } | { generate: GenerateStep })[];
}

export interface VectorFile {
  mechanism: string;
  mode: string;
  derivationFunction?: boolean;
  tests: VectorTest[];
}

/** The options for a file's generator; undefined for what the project doesn't implement. */
export function implemented(file: VectorFile): CtrDrbgOptions | undefined {
  const mode = /^AES-?(128|256)\b/iu.exec(file.mode);
  if (file.mechanism !== 'CTR_DRBG' || mode === null) {
    return undefined;
  }
  return {
    aesBits: mode[1] === '128' ? 128 : 256,
    derivationFunction: file.derivationFunction === true,
  };
}

/** Whether the generator gives what the test expects. */
export function passes(test: VectorTest, options: CtrDrbgOptions): boolean {
  const drbg = new CtrDrbg(
    options,
    hex(test.entropyInput),
    hex(test.nonce),
    hex(test.personalizationString),
  );
  let passed = true;
  for (const step of test.steps) {
    if ('reseed' in step) {
      drbg.reseed(hex(step.reseed.entropyInput), hex(step.reseed.additionalInput));
      continue;
    }
    const { entropyInput, additionalInput, returnedBytes, returnedBits } = step.generate;
    const output = Buffer.alloc(returnedBytes);
    if (test.predictionResistance === true) {
      drbg.reseed(hex(entropyInput ?? ''), hex(additionalInput));
      drbg.generate(output, hex(''));
    } else {
      drbg.generate(output, hex(additionalInput));
    }
    passed &&= returnedBits === null || output.toString('hex') === returnedBits;
  }
  drbg.wipe();
  return passed;
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}
