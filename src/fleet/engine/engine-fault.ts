/** What a failure of the engine means, and its words for the log. */
import { messageOf } from '../../errors.ts';
import { reasonOf } from '../../system/calls.ts';

export type EngineFault =
  /** Who we are isn't accepted: there is no use in trying often. */
  | 'not signed in'
  /** This command, or this key, isn't allowed to us. */
  | 'not allowed'
  /** It takes no writes for now, and answers reads. */
  | 'takes no writes'
  /** It isn't the master, or can't serve: another one may, or this one later. */
  | 'does not serve'
  | 'other';

/** By the first word of what Redis says. */
const faults: ReadonlyMap<string, EngineFault> = new Map([
  ['WRONGPASS', 'not signed in'],
  ['NOAUTH', 'not signed in'],
  ['NOPERM', 'not allowed'],
  ['OOM', 'takes no writes'],
  ['MISCONF', 'takes no writes'],
  ['NOREPLICAS', 'takes no writes'],
  ['READONLY', 'does not serve'],
  ['MASTERDOWN', 'does not serve'],
  ['CLUSTERDOWN', 'does not serve'],
  ['LOADING', 'does not serve'],
]);

const longestReason = 200;

export function faultOf(thrown: unknown): EngineFault {
  const [word = ''] = messageOf(thrown).split(' ', 1);
  return faults.get(word) ?? 'other';
}

/** One line of at most 200 characters. The engine's words hold no key, value or password. */
export function faultText(thrown: unknown): string {
  const text = wordsOf(thrown).replaceAll(/\s+/gu, ' ').trim();
  return text.length > longestReason ? `${text.slice(0, longestReason - 3)}...` : text;
}

function wordsOf(thrown: unknown): string {
  // An attempt with more than one address.
  if (thrown instanceof AggregateError && thrown.errors.length > 0) {
    return wordsOf(thrown.errors[0]);
  }
  return reasonOf(thrown);
}
