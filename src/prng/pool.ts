/**
 * The pool: a CTR_DRBG of 256-bit strength (SP 800-90A). Every refill reseeds it
 * from the operating system's generator, with everything gathered since as
 * additional input. So even the worst source can't make it worse than
 * node:crypto, and two copies of one process give different output at once.
 *
 * Output comes from a block that is made in advance. It is wiped as it is handed
 * out, and dropped at every reseed and after a second. Events (the time of each
 * request, a digest of passing data) go into an accumulator of fixed size,
 * without an allocation. Output that is all zero, has two equal halves or repeats
 * the output before is never handed out: TlsmgrError `GENERATOR`.
 */
import { randomFillSync } from 'node:crypto';
import { TlsmgrError } from '../errors.ts';
import type { Clock } from '../system/clock.ts';
import { unmovedBuffer } from '../system/secret-memory.ts';
import { CtrDrbg } from './ctr-drbg.ts';
import type { RandomPool } from './random.ts';

/** Output made at once: 128 seeds of 32 bytes. */
const blockBytes = 4096;

const longestAgeMs = 1000;

/** Security strength and a half, as instantiation wants for entropy and nonce (SP 800-90A, 8.6.7). */
const entropyBytes = 32;
const nonceBytes = 16;

const lanes = 16;

/** Bytes of passing data that enter the digest, spread over its length. */
const sampledBytes = 16;

/** Shorter output may well be zero, or the same twice. */
const shortestTested = 8;
const shortestHalved = 16;

/** Fills a buffer with entropy from the operating system. */
export type SystemEntropy = (target: Buffer) => void;

/** What the pool wants of an SP 800-90A generator. */
export interface Generator {
  reseed(entropyInput: Buffer, additionalInput: Buffer): void;
  generate(target: Buffer, additionalInput: Buffer): void;
  wipe(): void;
}

export interface PoolOptions {
  clock: Clock;
  systemEntropy?: SystemEntropy;
  makeGenerator?: (entropyInput: Buffer, nonce: Buffer, personalization: Buffer) => Generator;
}

export class Pool implements RandomPool {
  bytesServed = 0;
  refills = 0;
  readonly #clock: Clock;
  readonly #systemEntropy: SystemEntropy;
  readonly #drbg: Generator;
  readonly #block = Buffer.alloc(blockBytes);
  #at = blockBytes;
  #filledAtMs = 0;
  readonly #entropy = unmovedBuffer(entropyBytes);
  readonly #gathered = new Uint32Array(lanes);
  #lane = 0;
  /** Two sums over the last output: enough to recognise it, too little to reveal it. */
  #lastLow = 0;
  #lastHigh = 0;
  #hasLast = false;

  constructor(options: PoolOptions) {
    const { clock, systemEntropy = fromSystem, makeGenerator = ctrDrbg } = options;
    this.#clock = clock;
    this.#systemEntropy = systemEntropy;
    const nonce = unmovedBuffer(nonceBytes);
    systemEntropy(this.#entropy);
    systemEntropy(nonce);
    const personalization = Buffer.from(`tlsmgr ${process.pid} ${Date.now()}`);
    this.#drbg = makeGenerator(this.#entropy, nonce, personalization);
    this.#entropy.fill(0);
    nonce.fill(0);
  }

  fill(target: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length > blockBytes) {
      this.#fillLong(target, start, end);
      return;
    }
    if (
      this.#at + length > blockBytes ||
      this.#clock.monotonicMs() - this.#filledAtMs > longestAgeMs
    ) {
      this.#refill();
    }
    const block = this.#block;
    let at = this.#at;
    const half = length >> 1;
    let any = 0;
    let differs = 0;
    let low = 0x811c9dc5;
    let high = 0x9747b28c;
    for (let index = 0; index < length; index += 1) {
      const byte = block[at]!;
      block[at] = 0;
      at += 1;
      target[start + index] = byte;
      any |= byte;
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high ^ byte, 0x85ebca6b) + index;
      if (index >= half) {
        differs |= byte ^ target[start + index - half]!;
      }
    }
    this.#at = at;
    const repeated = this.#hasLast && low === this.#lastLow && high === this.#lastHigh;
    if (length >= shortestTested) {
      if (any === 0 || repeated || (length >= shortestHalved && differs === 0)) {
        target.fill(0, start, end);
        this.#drop();
        throw new TlsmgrError('GENERATOR', 'the generator failed its output test');
      }
      this.#lastLow = low;
      this.#lastHigh = high;
      this.#hasLast = true;
    }
    this.bytesServed += length;
  }

  /** The monotonic clock in nanoseconds; the time of day joins it at each refill. */
  stirTime(): void {
    const fine = this.#clock.monotonicMs() * 1e6;
    const lane = this.#lane;
    const gathered = this.#gathered;
    gathered[lane] = Math.imul(gathered[lane]! ^ (fine >>> 0), 0x01000193) ^ lane;
    this.#lane = (lane + 1) & (lanes - 1);
  }

  stirData(data: Buffer, start: number, end: number): void {
    const step = Math.max(1, Math.floor((end - start) / sampledBytes));
    let sum = 0x811c9dc5;
    for (let at = start; at < end; at += step) {
      sum = Math.imul(sum ^ data[at]!, 0x01000193);
    }
    const gathered = this.#gathered;
    const lane = this.#lane;
    gathered[lane] = Math.imul(gathered[lane]! ^ sum, 0x85ebca6b);
    this.#lane = (lane + 1) & (lanes - 1);
  }

  /** Reseeds with outside data: of a source, of the exchange file. */
  reseed(data: Buffer): void {
    this.#systemEntropy(this.#entropy);
    const gathered = this.#gatheredBytes();
    const additional = Buffer.concat([gathered, data]);
    this.#drbg.reseed(this.#entropy, additional);
    additional.fill(0);
    gathered.fill(0);
    this.#entropy.fill(0);
    this.#drop();
  }

  /** Overwrites all state: the process is ending. The pool can't be used afterwards. */
  wipe(): void {
    this.#drop();
    this.#gathered.fill(0);
    this.#drbg.wipe();
    this.#lastLow = this.#lastHigh = 0;
  }

  #fillLong(target: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at += blockBytes) {
      this.fill(target, at, Math.min(end, at + blockBytes));
    }
  }

  #refill(): void {
    this.#drop();
    this.#systemEntropy(this.#entropy);
    const gathered = this.#gatheredBytes();
    this.#drbg.reseed(this.#entropy, gathered);
    this.#entropy.fill(0);
    gathered.fill(0);
    this.#drbg.generate(this.#block, noBytes);
    this.#at = 0;
    this.#filledAtMs = this.#clock.monotonicMs();
    this.refills += 1;
  }

  /** A copy of the accumulator, with the time of day behind it. */
  #gatheredBytes(): Buffer {
    const bytes = Buffer.alloc(this.#gathered.byteLength + 16);
    bytes.set(new Uint8Array(this.#gathered.buffer));
    bytes.writeDoubleLE(Date.now(), this.#gathered.byteLength);
    bytes.writeDoubleLE(this.#clock.monotonicMs(), this.#gathered.byteLength + 8);
    return bytes;
  }

  #drop(): void {
    this.#block.fill(0);
    this.#at = blockBytes;
  }
}

const noBytes = Buffer.alloc(0);

function ctrDrbg(entropyInput: Buffer, nonce: Buffer, personalization: Buffer): Generator {
  const options = { aesBits: 256, derivationFunction: true } as const;
  return new CtrDrbg(options, entropyInput, nonce, personalization);
}

function fromSystem(target: Buffer): void {
  randomFillSync(target);
}
