/**
 * The whole daemon, built and in a process of its own: clients that send any
 * bytes over its socket, and beside them a good one that must get its right
 * answers. The bytes are made from those that coverage has found for the service
 * in process; each reply is held beside its request.
 *
 * The daemon must not fail, answer something else than was asked, keep a
 * connection, or grow without bound. Stops at the first that goes wrong.
 */
import assert from 'node:assert/strict';
import { messageOf } from '../src/errors.ts';
import { Standalone } from '../test/cli/standalone.ts';
import { residentBytes } from '../test/postfix/processes.ts';
import { piecesOf, visit } from './bad-client.ts';
import { GoodClient } from './good-client.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import { exchanges } from './shapes.ts';
import { requests, requestWords } from './targets/requests.ts';
import { hasOneLetterName, splitLists } from './wire.ts';

/** Bad clients at one time. */
const crowd = 8;
const requestLimitBytes = 65_536;

export interface DaemonFuzzOptions {
  seed: number;
  /** Connections; the run ends at whichever comes first. */
  connections: number;
  untilMs: number;
  corpus: readonly Buffer[];
}

export interface DaemonFuzzResult {
  connections: number;
  sentBytes: number;
  /** Replies that were held beside their request. */
  replies: number;
  seconds: number;
  goodAnswers: number;
  goodHits: number;
  /** Resident, after the first crowd and at the end. */
  startBytes: number;
  endBytes: number;
  /** What went wrong; undefined if nothing did. */
  finding: { input: Buffer; reason: string } | undefined;
}

/** Needs dist/: npm run build. */
export async function fuzzDaemon(options: DaemonFuzzOptions): Promise<DaemonFuzzResult> {
  const daemon = new Standalone();
  await daemon.start('-o', `tlsmgr_request_size_limit=${requestLimitBytes}`);
  try {
    const result = await run(daemon, options);
    const { status, said } = { status: await daemon.stop(), said: daemon.said };
    result.finding ??= endFinding(status, said);
    return result;
  } finally {
    daemon.remove();
  }
}

async function run(daemon: Standalone, options: DaemonFuzzOptions): Promise<DaemonFuzzResult> {
  const random = new Random(options.seed);
  const corpus = [...requests, ...options.corpus];
  const good = await GoodClient.connect(daemon.socket);
  const startedMs = performance.now();
  const result: DaemonFuzzResult = {
    connections: 0,
    sentBytes: 0,
    replies: 0,
    seconds: 0,
    goodAnswers: 0,
    goodHits: 0,
    startBytes: 0,
    endBytes: 0,
    finding: undefined,
  };
  const one = async (input: Buffer, ownSeed: number): Promise<void> => {
    try {
      await visitAndCheck(daemon.socket, input, new Random(ownSeed), result);
    } catch (thrown) {
      result.finding ??= { input, reason: messageOf(thrown) };
    }
  };
  while (result.connections < options.connections && performance.now() < options.untilMs) {
    const visits = Array.from({ length: crowd }, (_, index) => {
      const input = mutate(random.pick(corpus), random.pick(corpus), requestWords, random);
      return one(input, options.seed + result.connections + index);
    });
    result.connections += crowd;
    const [answered] = await Promise.allSettled([good.round(), ...visits]);
    if (answered?.status === 'rejected') {
      const reason = `the good client: ${messageOf(answered.reason)}`;
      result.finding ??= { input: Buffer.alloc(0), reason };
    }
    if (result.finding !== undefined) {
      break;
    }
    result.startBytes ||= residentBytes(daemon.pid);
  }
  if (result.finding === undefined) {
    await goneAll(good);
    result.endBytes = residentBytes(daemon.pid);
  }
  good.close();
  result.goodAnswers = good.answers;
  result.goodHits = good.hits;
  result.seconds = (performance.now() - startedMs) / 1000;
  return result;
}

async function visitAndCheck(
  path: string,
  input: Buffer,
  random: Random,
  result: DaemonFuzzResult,
): Promise<void> {
  const pieces = piecesOf(input, random);
  const sent = Buffer.concat(pieces);
  const { received, stayed } = await visit(path, pieces, random);
  result.sentBytes += sent.length;
  if (!stayed || hasOneLetterName(sent)) {
    return;
  }
  const announced = received.indexOf('\0\0') + 2;
  const announcement = received.toString('latin1', 0, announced);
  const lists = splitLists(sent, requestLimitBytes);
  // To close at once, as these two make it do, may cost what was under way.
  const cutShort = lists.tooLong || lists.wokenUp;
  if (announced >= 2 || !cutShort) {
    assert.equal(announcement, 'protocol\0tlsmgr_protocol\0\0', 'another announcement');
    exchanges(lists, received.subarray(announced), cutShort);
    result.replies += lists.all.length;
  }
}

/** Waits until the daemon has only the good client: however long that takes. */
async function goneAll(good: GoodClient): Promise<void> {
  while ((await good.openConnections()) > 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

function endFinding(status: number | null, said: string): DaemonFuzzResult['finding'] {
  const bad = /^.*(?:after a fault|request failed|panic|fatal).*$/mu.exec(said)?.[0];
  const reason = bad ?? (status === 0 ? undefined : `ended with ${status}: ${said.slice(-500)}`);
  return reason === undefined ? undefined : { input: Buffer.alloc(0), reason };
}
