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

const notUnderstood = 'an answer that is not understood';

/** An answer of a type or a size that its command doesn't have. Nothing of it is told: it may be a value. */
export class UnexpectedReply extends Error {
  constructor() {
    super(notUnderstood);
  }
}

/** The client library's words for bytes that are no RESP. */
const noResp = /^Unknown RESP type/u;

/** An error that the engine answers with begins with its kind. */
const kindOfError = /^[A-Z]{3,}(?: |$)/u;

/** Redis quotes a command that it doesn't know, HELLO with the password for one. */
const quotedCommand = /,? with args beginning with:.*$/su;

export function faultOf(thrown: unknown): EngineFault {
  const [word = ''] = messageOf(thrown).split(' ', 1);
  return faults.get(word) ?? 'other';
}

/** Whether the engine is there, and doesn't let this host do what it needs. */
export function isRefused(thrown: unknown): boolean {
  const fault = faultOf(thrown);
  return fault === 'not signed in' || fault === 'not allowed';
}

/** Whether the engine has answered so: it isn't a fault of the connection. */
export function isAnswer(thrown: unknown): boolean {
  return thrown instanceof UnexpectedReply || kindOfError.test(messageOf(thrown));
}

/** What a failure says, in one line of at most 200 characters, without a full stop or a colon at its end. */
export type FaultText = (thrown: unknown) => string;

/** @param secrets that are left out, whoever has quoted them. */
export function faultTextWithout(secrets: readonly string[]): FaultText {
  const known = secrets.filter((secret) => secret !== '');
  return (thrown) => {
    const words = wordsOf(thrown).replace(quotedCommand, '');
    const told = known.reduce((text, secret) => text.replaceAll(secret, '***'), words);
    const text = told
      .replaceAll(/\s+/gu, ' ')
      .trim()
      .replace(/(?<!\.)[.:]$/u, '');
    return text.length > longestReason ? `${text.slice(0, longestReason - 3)}...` : text;
  };
}

function wordsOf(thrown: unknown): string {
  // An attempt with more than one address.
  if (thrown instanceof AggregateError && thrown.errors.length > 0) {
    return wordsOf(thrown.errors[0]);
  }
  return isOfCode(thrown) ? notUnderstood : (tlsReason(thrown) ?? reasonOf(thrown));
}

/** Words about code, which tell an administrator nothing: an answer has led the code astray. */
function isOfCode(thrown: unknown): boolean {
  return (
    thrown instanceof TypeError || thrown instanceof RangeError || noResp.test(messageOf(thrown))
  );
}

/** Of an error of OpenSSL without the places in its source; undefined: it is another error. */
function tlsReason(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error && 'library' in thrown && 'reason' in thrown)) {
    return undefined;
  }
  return thrown.reason === 'wrong version number'
    ? 'the server speaks no TLS'
    : `TLS: ${String(thrown.reason)}`;
}
