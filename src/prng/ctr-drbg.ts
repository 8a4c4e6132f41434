/**
 * CTR_DRBG of SP 800-90A Rev. 1, 10.2.1, on AES of node:crypto, with the
 * derivation function (10.3.2) or without it.
 *
 * The state is a key and a counter block V, both wiped by wipe(). OpenSSL's CTR
 * mode counts a 128-bit big-endian block, as the standard's block_encrypt loop
 * does, so that one cipher pass makes a whole request's output and the
 * update's keystream behind it.
 */
import { type Cipher, createCipheriv, randomFillSync } from 'node:crypto';
import { unmovedBuffer } from '../system/secret-memory.ts';

export type AesBits = 128 | 256;

const blockBytes = 16;

/** BCC's key in the derivation function: 00 01 02 ... (10.3.2, step 8). */
const derivationKey = Buffer.from(Array.from({ length: 32 }, (_, index) => index));

export interface CtrDrbgOptions {
  aesBits: AesBits;
  /** Without it entropy inputs are full-entropy strings of exactly seedBytes. */
  derivationFunction: boolean;
}

export class CtrDrbg {
  /** Key and V together: seedlen of table 3. */
  readonly seedBytes: number;
  readonly #keyBytes: number;
  readonly #derives: boolean;
  readonly #ctr: string;
  readonly #cbc: string;
  readonly #key: Buffer;
  readonly #v: Buffer;

  /** Instantiates (10.2.1.3). The inputs stay the caller's to wipe. */
  constructor(
    { aesBits, derivationFunction }: CtrDrbgOptions,
    entropyInput: Buffer,
    nonce: Buffer,
    personalization: Buffer,
  ) {
    this.#keyBytes = aesBits / 8;
    this.seedBytes = this.#keyBytes + blockBytes;
    this.#derives = derivationFunction;
    this.#ctr = `aes-${aesBits}-ctr`;
    this.#cbc = `aes-${aesBits}-cbc`;
    this.#key = unmovedBuffer(this.#keyBytes);
    this.#v = unmovedBuffer(blockBytes);
    this.#seed(entropyInput, nonce, personalization);
  }

  /** Reseeds (10.2.1.4). */
  reseed(entropyInput: Buffer, additionalInput: Buffer): void {
    this.#seed(entropyInput, noBytes, additionalInput);
  }

  /** Fills the target (10.2.1.5). At most 65,536 bytes a request (table 3). */
  generate(target: Buffer, additionalInput: Buffer): void {
    const extra = unmovedBuffer(this.seedBytes);
    if (additionalInput.length > 0) {
      const conditioned = this.#condition(additionalInput);
      conditioned.copy(extra);
      if (conditioned !== additionalInput) {
        conditioned.fill(0);
      }
      this.#update(this.#keystream(this.seedBytes), extra);
    }
    const blocks = Math.ceil(target.length / blockBytes);
    const stream = this.#keystream(blocks * blockBytes + this.seedBytes);
    stream.copy(target, 0, 0, target.length);
    this.#update(stream.subarray(blocks * blockBytes), extra);
    stream.fill(0);
    extra.fill(0);
  }

  /** Uninstantiates (9.4): nothing of the state is left. */
  wipe(): void {
    this.#key.fill(0);
    this.#v.fill(0);
  }

  #seed(entropyInput: Buffer, nonce: Buffer, other: Buffer): void {
    let material: Buffer;
    if (this.#derives) {
      const input = Buffer.concat([entropyInput, nonce, other]);
      material = this.#derive(input);
      input.fill(0);
    } else {
      if (entropyInput.length !== this.seedBytes) {
        throw new RangeError(
          `entropy input of ${entropyInput.length} bytes, not ${this.seedBytes}`,
        );
      }
      material = unmovedBuffer(this.seedBytes);
      entropyInput.copy(material);
      for (const [index, byte] of other.entries()) {
        material[index]! ^= byte;
      }
    }
    this.#update(this.#keystream(this.seedBytes), material);
    material.fill(0);
  }

  /** An additional input as a string of seedBytes. */
  #condition(input: Buffer): Buffer {
    return this.#derives ? this.#derive(input) : input;
  }

  /** CTR_DRBG_Update (10.2.1.2), given the keystream of seedBytes from V + 1 on. */
  #update(stream: Buffer, provided: Buffer): void {
    for (let index = 0; index < this.seedBytes; index += 1) {
      stream[index]! ^= provided[index]!;
    }
    stream.copy(this.#key, 0, 0, this.#keyBytes);
    stream.copy(this.#v, 0, this.#keyBytes, this.seedBytes);
    stream.fill(0);
  }

  /**
   * E(V+1), E(V+2), ... V itself isn't changed: an update always follows. The
   * cipher's own memory, which it frees without wiping, sees it under a mask only.
   */
  #keystream(length: number): Buffer {
    const next = unmovedBuffer(blockBytes);
    this.#v.copy(next);
    increment(next);
    const mask = randomFillSync(unmovedBuffer(length));
    const masked = runCipher(createCipheriv(this.#ctr, this.#key, next), mask);
    const stream = unmovedBuffer(length);
    masked.copy(stream);
    xorWords(stream, mask);
    masked.fill(0);
    mask.fill(0);
    next.fill(0);
    return stream;
  }

  /** Block_Cipher_df (10.3.2) to seedBytes. */
  #derive(input: Buffer): Buffer {
    const padded = Math.ceil((8 + input.length + 1) / blockBytes) * blockBytes;
    const string = unmovedBuffer(blockBytes + padded);
    string.writeUInt32BE(input.length, blockBytes);
    string.writeUInt32BE(this.seedBytes, blockBytes + 4);
    input.copy(string, blockBytes + 8);
    string[blockBytes + 8 + input.length] = 0x80;
    const temp = unmovedBuffer(Math.ceil(this.seedBytes / blockBytes) * blockBytes);
    for (let at = 0, counter = 0; at < this.seedBytes; at += blockBytes, counter += 1) {
      string.writeUInt32BE(counter, 0);
      const block = this.#chain(string);
      block.copy(temp, at);
      block.fill(0);
    }
    string.fill(0);
    const result = unmovedBuffer(this.seedBytes);
    const cipher = createCipheriv(
      this.#cbc,
      temp.subarray(0, this.#keyBytes),
      temp.subarray(this.#keyBytes, this.seedBytes),
    ).setAutoPadding(false);
    // X = E(X) again and again is CBC over zeros with X as the first vector.
    const chain = runCipher(cipher, unmovedBuffer(temp.length));
    chain.copy(result);
    chain.fill(0);
    temp.fill(0);
    return result;
  }

  /** BCC (10.3.3): the last block of a CBC chain over the data. The key is known: so is what the rest tells. */
  #chain(data: Buffer): Buffer {
    const cipher = createCipheriv(
      this.#cbc,
      derivationKey.subarray(0, this.#keyBytes),
      unmovedBuffer(blockBytes),
    ).setAutoPadding(false);
    const chain = runCipher(cipher, data);
    chain.fill(0, 0, data.length - blockBytes);
    return chain.subarray(data.length - blockBytes);
  }
}

const noBytes = Buffer.alloc(0);

/** What becomes of the data. The cipher, its key with it, is overwritten at once, not when it is collected. */
function runCipher(cipher: Cipher, data: Buffer): Buffer {
  const output = cipher.update(data);
  cipher.final();
  return output;
}

/** Four bytes at a time, as code that has just been loaded is slow. Both are whole blocks from unmovedBuffer(). */
function xorWords(target: Buffer, other: Buffer): void {
  const words = new Int32Array(target.buffer);
  const others = new Int32Array(other.buffer);
  for (let index = 0; index < words.length; index += 1) {
    words[index]! ^= others[index]!;
  }
}

/** Adds 1 to a big-endian number. */
function increment(block: Buffer): void {
  for (let index = block.length - 1; index >= 0; index -= 1) {
    block[index] = (block[index]! + 1) & 0xff;
    if (block[index] !== 0) {
      return;
    }
  }
}
