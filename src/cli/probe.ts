/**
 * Asks who serves a socket, and waits after a reload until the right one does.
 * Throws TlsmgrError: `UNAVAILABLE` when it is no tlsmgr, or nobody; `DEADLINE`
 * when nobody answers in time.
 */
import { TlsmgrClient } from '../client/client.ts';
import { stranger } from '../client/identification.ts';
import { TlsmgrError, messageOf } from '../errors.ts';
import type { Report } from '../report/report.ts';

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

/** The report may be that of another version: requireReport() tells. */
export type Answer =
  | { kind: 'ours'; report: Partial<Report>; givesSeeds: boolean }
  | { kind: 'original' };

const pauseMs = 200;
const lookMs = 1000;
const shortestTryMs = 1000;
const longestTryMs = 5000;

/** What is wrong with a daemon that refuses the plainest of requests. */
export const noSeeds = 'no seed is given out';

export async function whoAnswers(
  place: Place,
  timeoutMs: number = longestTryMs,
  signal?: AbortSignal,
): Promise<Answer> {
  const client = new TlsmgrClient({ ...place, deadlineMs: timeoutMs });
  const untilMs = performance.now() + timeoutMs;
  try {
    const { server, givesSeeds } = await client.identify({ signal });
    if (server === 'tlsmgr') {
      const leftMs = Math.max(1, untilMs - performance.now());
      const report: unknown = await client.stats({ signal, deadlineMs: leftMs });
      if (typeof report !== 'object' || report === null) {
        throw new TlsmgrError('UNAVAILABLE', `${place.socketPath}: its report is no object`);
      }
      return { kind: 'ours', report, givesSeeds };
    }
    if (!givesSeeds) {
      throw new TlsmgrError('UNAVAILABLE', `${place.socketPath}: ${noSeeds}`);
    }
    return { kind: 'original' };
  } catch (thrown) {
    // It answers as this one does, but doesn't tell of itself.
    throw thrown instanceof TlsmgrError && thrown.code === 'REFUSED'
      ? new TlsmgrError('UNAVAILABLE', `${place.socketPath}: ${stranger}`, { cause: thrown })
      : thrown;
  } finally {
    await client.close();
  }
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
