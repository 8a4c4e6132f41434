/** Makes an input that nobody has thought of from one or two that somebody has. */
import { Random } from './random.ts';

const longestInput = 8192;
/** Values at which programs change their mind. */
const edgeBytes = [0, 1, 9, 10, 13, 32, 45, 47, 61, 95, 127, 128, 255];

type Step = (input: Buffer, random: Random, other: Buffer, words: readonly Buffer[]) => Buffer;

function cutOut(input: Buffer, random: Random): [number, number] {
  const start = random.below(input.length + 1);
  const longest = random.below(4) === 0 ? input.length : 16;
  return [start, Math.min(input.length, start + 1 + random.below(longest + 1))];
}

function replaced(input: Buffer, start: number, end: number, by: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, start), by, input.subarray(end)]);
}

const steps: readonly Step[] = [
  function flipBit(input, random) {
    const copy = Buffer.from(input);
    if (copy.length > 0) {
      copy[random.below(copy.length)]! ^= 1 << random.below(8);
    }
    return copy;
  },
  function setByte(input, random) {
    const copy = Buffer.from(input);
    if (copy.length > 0) {
      copy[random.below(copy.length)] =
        random.below(2) === 0 ? random.pick(edgeBytes) : random.below(256);
    }
    return copy;
  },
  function remove(input, random) {
    return replaced(input, ...cutOut(input, random), Buffer.alloc(0));
  },
  function repeat(input, random) {
    const [start, end] = cutOut(input, random);
    const piece = input.subarray(start, end);
    const times = 1 + random.below(random.below(8) === 0 ? 64 : 3);
    return replaced(input, start, start, Buffer.concat(Array<Buffer>(times).fill(piece)));
  },
  function insertWord(input, random, _other, words) {
    const at = random.below(input.length + 1);
    return words.length === 0 ? input : replaced(input, at, at, random.pick(words));
  },
  function overwriteWithWord(input, random, _other, words) {
    const [start, end] = cutOut(input, random);
    return words.length === 0 ? input : replaced(input, start, end, random.pick(words));
  },
  function splice(input, random, other) {
    const [start, end] = cutOut(input, random);
    const [from, to] = cutOut(other, random);
    return replaced(input, start, end, other.subarray(from, to));
  },
  function joinHalves(input, random, other) {
    return Buffer.concat([
      input.subarray(0, random.below(input.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ]);
  },
  function number32(input, random) {
    const copy = Buffer.from(input);
    if (copy.length >= 4) {
      const at = random.below(copy.length - 3);
      const value = random.pick([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, copy.length]);
      if (random.below(2) === 0) {
        copy.writeUInt32LE(value, at);
      } else {
        copy.writeUInt32BE(value, at);
      }
    }
    return copy;
  },
];

export function mutate(
  input: Buffer,
  other: Buffer,
  words: readonly Buffer[],
  random: Random,
): Buffer {
  let result = input;
  const count = 1 + random.below(random.below(3) === 0 ? 8 : 2);
  for (let done = 0; done < count; done += 1) {
    result = random.pick(steps)(result, random, other, words);
  }
  return result.subarray(0, longestInput);
}
