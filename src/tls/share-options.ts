/** How sessions are shared: the options, checked. */
import { TlsmgrError } from '../errors.ts';
import { longestTimerMs } from '../system/timers.ts';
import { requireScope } from './scope.ts';
import { usualDeadlineMs } from './session-ids.ts';

const keyModes = ['auto', 'ring', 'single'] as const;
const renewals = ['always', 'old-key', 'never'] as const;

/** With whom sessions are shared, and how. */
export interface ShareOptions {
  /**
   * Who may resume with whom, 1 to 255 bytes: keys and session id context come
   * from it, and where client certificates are asked for from their authorities
   * as well.
   */
  scope: string;
  /**
   * `ring`: older keys open tickets, the newest seals. `single`: one key at a
   * time, by what Node documents. `auto`, the default: ring if a check at the
   * start shows that it works in this Node.
   */
  keys?: 'auto' | 'ring' | 'single';
  /**
   * Which tickets are replaced when they are used. Default `always`, but `never`
   * where client certificates are asked for, as each renewal makes a session
   * live longer: nothing else is allowed there.
   */
  renew?: 'always' | 'old-key' | 'never';
  /** Sessions by id as well. Default false; true: with a deadline of 50 ms. */
  sessionIds?: boolean | { deadlineMs: number };
}

export interface CheckedOptions {
  scope: string;
  keys: (typeof keyModes)[number];
  renew: (typeof renewals)[number];
  /** Undefined: no sessions by id. */
  sessionIdDeadlineMs: number | undefined;
}

/** Throws RangeError for a value of no meaning, TlsmgrError `REFUSED` for a renewal that must not be. */
export function checkOptions(options: ShareOptions, asksForCertificates: boolean): CheckedOptions {
  const { scope, keys = 'auto', sessionIds = false } = options;
  const { renew = asksForCertificates ? 'never' : 'always' } = options;
  requireScope(scope);
  requireOneOf('keys', keys, keyModes);
  requireOneOf('renew', renew, renewals);
  if (asksForCertificates && renew !== 'never') {
    throw new TlsmgrError(
      'REFUSED',
      'tickets are not renewed where client certificates are asked for: a certificate would never be asked for again',
    );
  }
  return { scope, keys, renew, sessionIdDeadlineMs: deadlineOf(sessionIds) };
}

function requireOneOf(name: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) {
    throw new RangeError(`${name} is one of ${known.join(', ')}`);
  }
}

function deadlineOf(sessionIds: NonNullable<ShareOptions['sessionIds']>): number | undefined {
  if (typeof sessionIds === 'boolean') {
    return sessionIds ? usualDeadlineMs : undefined;
  }
  const deadlineMs: unknown = (sessionIds as { deadlineMs?: unknown } | null)?.deadlineMs;
  if (typeof deadlineMs !== 'number' || !(deadlineMs > 0 && deadlineMs <= longestTimerMs)) {
    throw new RangeError('sessionIds is true, false, or has a deadlineMs of 1 to 2147483647');
  }
  return deadlineMs;
}
