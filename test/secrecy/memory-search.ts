/**
 * Looks for what is left of secrets in the whole writable memory of a process:
 * as bytes, as base64 wherever the text may have begun, as hexadecimal digits.
 * Not only a whole copy is found: any piece of 24 bytes and more, 140 of a secret
 * that is very long.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** A multiple of 3, so that each piece becomes whole groups of base64 characters. */
const pieceBytes = 12;

const longBytes = 70_000;
const sparsely = 10;

const blockBytes = 4 * 1024 * 1024;
/** More than a needle is long: what two blocks have in common. */
const overlapBytes = 64;

const wordBytes = 4;

interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
  /** Where in it the word stands by which it is found. */
  readonly shift: number;
}

/**
 * Needles by the words that may lie at a multiple of four within them, and a mark
 * for each of those, hashed, to pass by quickly.
 */
class Needles {
  readonly #byWord = new Map<number, Needle[]>();
  readonly #marks = new Uint8Array(1 << 20);

  constructor(secrets: ReadonlyMap<string, Buffer>) {
    for (const [name, secret] of secrets) {
      const step = secret.length > longBytes ? pieceBytes * sparsely : pieceBytes;
      for (let at = 0; at + pieceBytes <= secret.length; at += step) {
        this.#add(`${name} (bytes)`, secret.subarray(at, at + pieceBytes));
      }
      for (let shift = 0; shift < 3; shift += 1) {
        for (let at = shift; at + pieceBytes <= secret.length; at += step) {
          const text = secret.toString('base64', at, at + pieceBytes);
          this.#add(`${name} (base64)`, Buffer.from(text, 'latin1'));
        }
      }
      for (let at = 0; at + pieceBytes <= secret.length; at += step) {
        const digits = secret.toString('hex', at, at + pieceBytes);
        this.#add(`${name} (hexadecimal)`, Buffer.from(digits, 'latin1'));
      }
    }
  }

  #add(name: string, bytes: Buffer): void {
    for (let shift = 0; shift < wordBytes; shift += 1) {
      const word = bytes.readInt32LE(shift);
      const needles = this.#byWord.get(word) ?? [];
      needles.push({ name, bytes, shift });
      this.#byWord.set(word, needles);
      this.#marks[hashOf(word)] = 1;
    }
  }

  findIn(block: Buffer, length: number, found: (name: string) => void): void {
    const marks = this.#marks;
    const words = new Int32Array(block.buffer, block.byteOffset, length >> 2);
    for (let at = 0; at < words.length; at += 1) {
      const word = words[at]!;
      if (word === 0 || marks[hashOf(word)] === 0) {
        continue;
      }
      for (const { name, bytes, shift } of this.#byWord.get(word) ?? []) {
        const from = at * wordBytes - shift;
        const isThere =
          from >= 0 && block.compare(bytes, 0, bytes.length, from, from + bytes.length) === 0;
        if (isThere) {
          found(name);
        }
      }
    }
  }
}

function hashOf(word: number): number {
  return Math.imul(word, 0x9e3779b1) >>> 12;
}

/** @returns which secrets are found, and in which mapping; empty when none is. */
export function findInMemory(pid: number, secrets: ReadonlyMap<string, Buffer>): string[] {
  const needles = new Needles(secrets);
  const found = new Map<string, number>();
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  const block = Buffer.allocUnsafeSlow(blockBytes);
  try {
    for (const { start, end, name } of writableMappings(pid)) {
      for (let at = start; at < end; at += block.length - overlapBytes) {
        let length: number;
        try {
          length = readSync(fd, block, 0, Math.min(block.length, end - at), at);
        } catch {
          // A stretch that is reserved and not there.
          continue;
        }
        needles.findIn(block, length, (secret) => {
          const what = `${secret} in ${name}`;
          found.set(what, (found.get(what) ?? 0) + 1);
        });
      }
    }
  } finally {
    closeSync(fd);
  }
  return [...found].map(([what, pieces]) => `${what}: ${pieces} pieces`);
}

interface Mapping {
  start: number;
  end: number;
  name: string;
  touched: boolean;
}

/** Those of which the process has touched anything. */
function writableMappings(pid: number): Mapping[] {
  const mappings: Mapping[] = [];
  let last: Mapping | undefined;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'latin1').split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) rw\S* \S+ \S+ \S+ *(.*)$/u.exec(line);
    if (head !== null) {
      last = {
        start: Number(`0x${head[1]}`),
        end: Number(`0x${head[2]}`),
        name: head[3] === '' ? `memory at ${head[1]}` : head[3]!,
        touched: false,
      };
      mappings.push(last);
    } else if (/^[0-9a-f]+-/u.test(line)) {
      last = undefined;
    } else if (/^(?:Rss|Swap): +[1-9]/u.test(line) && last !== undefined) {
      last.touched = true;
    }
  }
  return mappings.filter(({ touched }) => touched);
}
