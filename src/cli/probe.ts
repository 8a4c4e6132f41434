/**
 * Asks who serves a socket, and waits after a reload until the right one does.
 *
 * Two requests in one write tell who it is, without waiting for what doesn't
 * come: ours answers both, the original the first alone. The second is `stats`,
 * which only ours knows; a third, when the first reply is there, is answered by
 * either. Whoever announces itself otherwise, or answers otherwise than these
 * two, is no tlsmgr. Throws TlsmgrError `UNAVAILABLE` then, and when nobody
 * answers in time.
 */
import type { Report } from '../report/report.ts';
import { TlsmgrError, messageOf } from '../errors.ts';
import { announcementName, announcementValue } from '../protocol/names.ts';
import { connectReason, connectToPath } from '../system/socket-path.ts';

export interface Place {
  socketPath: string;
  /** Whether the server speaks first. */
  announcement: boolean;
}

export interface Question extends Place {
  /** Ours, or Postfix's own. */
  expect: 'ours' | 'original';
  /** The process that was there before: its answer doesn't count. */
  before: number | undefined;
  limitSeconds: number;
  signal: AbortSignal;
}

interface Asking extends Place {
  timeoutMs: number;
  signal: AbortSignal | undefined;
}

export type Answer = { kind: 'ours'; report: Report; givesSeeds: boolean } | { kind: 'original' };

const pauseMs = 200;
const lookMs = 1000;
const shortestTryMs = 1000;
const longestTryMs = 5000;

const policy = 'request\x00policy\x00cache_type\x00smtpd\x00\x00';
const stats = 'request\x00stats\x00\x00';
const seed = 'request\x00seed\x00size\x0032\x00\x00';
const listEnd = '\x00\x00';
const greetingStart = 'protocol\x00';
const reportStart = 'status\x000\x00report\x00';
const seedStart = 'status\x000\x00seed\x00';
/** What is wrong with a daemon that refuses the plainest of requests. */
export const noSeeds = 'no seed is given out';
/** A refused seed is empty, and the end of its list begins with its value. */
const seedReply = new RegExp(String.raw`^status\x00\d+\x00seed(?:\x00|$)`, 'u');

const announced = `${announcementName}\x00${announcementValue}${listEnd}`;
const policyReply = new RegExp(
  String.raw`^status\x00\d+\x00cachable\x00[01]\x00timeout\x00\d+$`,
  'u',
);
const stranger = "what answers is neither this tlsmgr nor Postfix's own";
/** Longer than any report of ours. */
const longestText = 16 * 1024 * 1024;

export async function whoAnswers(
  place: Place,
  timeoutMs: number = longestTryMs,
  signal?: AbortSignal,
): Promise<Answer> {
  const replies = await converse({ ...place, timeoutMs, signal });
  const givesSeeds = replies.at(-1)!.startsWith(seedStart);
  const text = replies.find((reply) => reply.startsWith(reportStart));
  if (text !== undefined) {
    return { kind: 'ours', report: reportIn(text, place), givesSeeds };
  }
  // It has read the second request, and doesn't know it.
  if (replies.length > 2) {
    throw new TlsmgrError('UNAVAILABLE', `${place.socketPath}: ${stranger}`);
  }
  if (!givesSeeds) {
    throw new TlsmgrError('UNAVAILABLE', `${place.socketPath}: ${noSeeds}`);
  }
  return { kind: 'original' };
}

function reportIn(text: string, { socketPath }: Place): Report {
  try {
    return JSON.parse(text.slice(reportStart.length)) as Report;
  } catch (thrown) {
    throw new TlsmgrError('UNAVAILABLE', `${socketPath}: its report is no JSON`, { cause: thrown });
  }
}

/** @returns the replies up to that with a seed, without the end of their lists. */
function converse({ socketPath, announcement, timeoutMs, signal }: Asking): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = connectToPath(socketPath);
    const fail = (reason: string): void => {
      socket.destroy();
      reject(new TlsmgrError('UNAVAILABLE', `${socketPath}: ${reason}`));
    };
    const limit = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
    const greetings = announcement ? 1 : 0;
    let text = '';
    let asked = 0;
    socket.setEncoding('utf8');
    const proceed = (): void => {
      const isAnnounced = !announcement || text.startsWith(announced.slice(0, text.length));
      if (!isAnnounced || text.length > longestText) {
        fail(stranger);
        return;
      }
      const lists = text.split(listEnd).slice(0, -1);
      if (greetings === 0 && lists[0]?.startsWith(greetingStart) === true) {
        fail('it speaks first, which the programs of this Postfix take for an answer');
        return;
      }
      const replies = lists.slice(greetings);
      if (asked === 0 && lists.length >= greetings) {
        asked = 1;
        socket.write(policy + stats);
      }
      if (replies.length > 0 && !policyReply.test(replies[0]!)) {
        fail(stranger);
        return;
      }
      if (asked === 1 && replies.length > 0) {
        asked = 2;
        socket.write(seed);
      }
      if (seedReply.test(replies.at(-1) ?? '')) {
        clearTimeout(limit);
        // Not end(): that waits until the server closes too.
        socket.destroySoon();
        resolve(replies);
      }
    };
    socket.on('connect', proceed);
    socket.on('data', (chunk: string) => {
      text += chunk;
      proceed();
    });
    socket.on('error', (error) => fail(connectReason(error)));
    const abort = (): void => fail('interrupted');
    signal?.addEventListener('abort', abort);
    socket.on('close', () => {
      clearTimeout(limit);
      signal?.removeEventListener('abort', abort);
      fail('connection closed');
    });
  });
}

/** One look at who serves; undefined when nobody answers soon. */
export async function whoAnswersIfAny(place: Place): Promise<Answer | undefined> {
  try {
    return await whoAnswers(place, lookMs);
  } catch (thrown) {
    if (thrown instanceof TlsmgrError) {
      return undefined;
    }
    throw thrown;
  }
}

/** Throws the signal's reason too. */
export async function waitForAnswer(question: Question): Promise<Answer> {
  const untilMs = performance.now() + question.limitSeconds * 1000;
  for (;;) {
    question.signal.throwIfAborted();
    const leftMs = untilMs - performance.now();
    const heard = await hear(question, Math.max(shortestTryMs, Math.min(leftMs, longestTryMs)));
    question.signal.throwIfAborted();
    if (typeof heard !== 'string') {
      return heard;
    }
    if (leftMs <= 0) {
      throw new TlsmgrError(
        'UNAVAILABLE',
        `no right answer within ${question.limitSeconds} s: ${heard}`,
      );
    }
    await new Promise((resolve) => {
      setTimeout(resolve, pauseMs);
    });
  }
}

/** @returns the right answer, or what is wrong. */
async function hear(question: Question, timeoutMs: number): Promise<Answer | string> {
  let answer: Answer;
  try {
    answer = await whoAnswers(question, timeoutMs, question.signal);
  } catch (thrown) {
    return messageOf(thrown);
  }
  if (answer.kind !== question.expect) {
    return answer.kind === 'ours'
      ? 'the daemon from before still answers'
      : "it is Postfix's own tlsmgr that answers";
  }
  if (answer.kind === 'ours' && !answer.givesSeeds) {
    return noSeeds;
  }
  // Right after a reload the process from before may answer once more.
  return answer.kind === 'ours' && answer.report.pid === question.before
    ? 'the daemon from before still answers'
    : answer;
}
