/** Everything between a socket and the answers. */
import assert from 'node:assert/strict';
import { converse } from '../conversation.ts';
import { inProcessService } from '../in-process-service.ts';
import { Random } from '../random.ts';
import { Reference } from '../reference.ts';
import type { Target } from '../target.ts';
import { hasOneLetterName, splitLists } from '../wire.ts';
import { requests, requestWords } from './requests.ts';

const maxRequestBytes = 2048;

const { service, faults, empty } = inProcessService(maxRequestBytes);
const probe = Buffer.from('request\0policy\0cache_type\0smtpd\0\0', 'latin1');
const atOnce = (): boolean => true;
const nothing = async (): Promise<void> => {};

/** Another client is served, and rightly. */
async function probeService(): Promise<void> {
  const { bytes } = await converse(service, {
    pieces: [probe],
    takesWrite: atOnce,
    meanwhile: nothing,
  });
  const answer = 'status\u00000\0cachable\u00001\0timeout\u00003600\0\0';
  assert.equal(bytes.toString('latin1'), answer, 'others are served no more');
}

function cut(input: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  const longest = random.pick([1, 3, 40, 300, 2000]);
  for (let at = 0; at < input.length;) {
    const end = at + 1 + random.below(longest);
    pieces.push(input.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** The same cuts for the same input. */
function randomOf(input: Buffer): Random {
  let sum = input.length;
  for (const byte of input) {
    sum = Math.imul(sum, 31) + byte;
  }
  return new Random(sum);
}

async function checkWhole(input: Buffer): Promise<void> {
  empty();
  const { bytes } = await converse(service, {
    pieces: [input],
    takesWrite: atOnce,
    meanwhile: probeService,
  });
  new Reference().check(splitLists(input, maxRequestBytes), bytes, false);
}

/** With any cuts, before a client that doesn't always read at once. */
async function checkCut(input: Buffer): Promise<void> {
  empty();
  const random = randomOf(input);
  const { bytes, cutShort } = await converse(service, {
    pieces: cut(input, random),
    takesWrite: () => random.below(4) > 0,
    meanwhile: probeService,
  });
  if (!hasOneLetterName(input)) {
    const lists = splitLists(input, maxRequestBytes);
    new Reference().check(lists, bytes, cutShort && lists.tooLong);
  }
}

export const serviceTarget: Target = {
  name: 'service',
  promise: 'one reply to each request, in order, the one that is due, however bytes are cut',
  seeds: requests,
  words: requestWords,
  async run(input) {
    await checkWhole(input);
    assert.deepEqual(faults, [], 'a fault of ours');
    await checkCut(input);
    assert.deepEqual(faults, [], 'a fault of ours');
    await probeService();
    assert.equal(service.counts.open, 0, 'a connection that is not given up');
  },
};
