/**
 * Makes the file of the fleet's secrets, and replaces the secret in three steps.
 * Hosts get each new file one after the other, so a step must work beside the one
 * before it:
 *
 *     made       current           seals and opens
 *     step 1     current, new      all hosts learn the new secret; none seals with it
 *     step 2     current, old      the new one is current now; the old one opens what is left
 *     step 3     current           the old one is gone
 *
 * The file tells in its comments which step it is, and what comes next.
 */
import { longestKeyFileBytes } from '../system/key-file.ts';
import { writeHex } from '../system/hex.ts';
import type { FleetSecret, FleetSecretFile, SecretRole } from './secret-file.ts';

/** What has been done, and what an administrator does next. `FILE` stands for the file. */
export interface Advice {
  readonly state: string;
  readonly next: string;
  readonly later: string;
}

export interface SecretFileText {
  /** The caller overwrites it. */
  readonly content: Buffer;
  readonly advice: Advice;
}

const everyHost =
  "copy FILE to every host of the fleet (root's, mode 600), then on each: postfix reload";
const monthly = 'every month: tlsmgr fleet-secret FILE --rotate';

const steps = {
  made: {
    state: 'one secret, which seals and opens',
    next: everyHost,
    later: monthly,
  },
  added: {
    state: 'step 1 of 3: the new secret is known, and the current one still seals',
    next: everyHost,
    later:
      'once every host has it: tlsmgr fleet-secret FILE --rotate (step 2: the new secret seals)',
  },
  switched: {
    state: 'step 2 of 3: the new secret seals, and the old one still opens',
    next: everyHost,
    later:
      'once every host has had it for twice the longest session lifetime and 10 minutes (2 h 10 min, unless main.cf has another ..._tls_session_cache_timeout): tlsmgr fleet-secret FILE --rotate (step 3: the old secret goes)',
  },
  removed: {
    state: 'step 3 of 3: the old secret is gone, and the new one is alone',
    next: everyHost,
    later: monthly,
  },
} as const satisfies Record<string, Advice>;

interface Entry {
  readonly role: SecretRole;
  readonly made: string;
  readonly bytes: Buffer;
}

/** @param fresh 32 random bytes. */
export function firstSecretFile(fresh: Buffer, now: Date): SecretFileText {
  return textOf(steps.made, [{ role: 'current', made: timeText(now), bytes: fresh }], now);
}

/**
 * The file after the next step.
 * @param fresh 32 random bytes, for the case that a new secret is needed.
 * @returns the reason, when the file doesn't tell which step is the next.
 */
export function rotatedSecretFile(
  secrets: readonly FleetSecret[],
  fresh: Buffer,
  now: Date,
): SecretFileText | string {
  const [first, second] = secrets;
  const role = secrets.length === 2 ? second!.mark?.role : undefined;
  if (secrets.length === 1) {
    const added = { role: 'new', made: timeText(now), bytes: fresh } as const;
    return textOf(steps.added, [entryOf(first!, 'current'), added], now);
  }
  if (role === 'new') {
    const entries = [entryOf(second!, 'current'), entryOf(first!, 'old')];
    return textOf(steps.switched, entries, now);
  }
  if (role === 'old') {
    return textOf(steps.removed, [entryOf(first!, 'current')], now);
  }
  return 'it does not tell which of its secrets is new or old: leave only the one that all hosts have, or write "# new secret" or "# old secret" above the second one of two';
}

/** Sessions that were found late are stored anew, and clocks differ. */
const graceSeconds = 600;

/**
 * When nothing that the old secret has sealed is in use any more: its removal,
 * before that, would cost sessions.
 * @param lifetimeSeconds the longest of a session.
 * @returns undefined when the next step is another one, or the file doesn't tell.
 */
export function removalTime(
  { secrets, steppedAt }: Pick<FleetSecretFile, 'secrets' | 'steppedAt'>,
  lifetimeSeconds: number,
): Date | undefined {
  const isNext = secrets.length === 2 && secrets[1]!.mark?.role === 'old';
  return isNext && steppedAt !== undefined
    ? new Date(steppedAt.getTime() + (2 * lifetimeSeconds + graceSeconds) * 1000)
    : undefined;
}

function entryOf({ bytes, mark }: FleetSecret, role: SecretRole): Entry {
  return { role, made: mark?.made ?? '', bytes };
}

function textOf(advice: Advice, entries: readonly Entry[], now: Date): SecretFileText {
  const content = Buffer.alloc(longestKeyFileBytes);
  let at = content.write(head(advice, now), 'latin1');
  for (const { role, made, bytes } of entries) {
    at += content.write(`\n# ${role} secret${made === '' ? '' : `, made ${made}`}\n`, at, 'latin1');
    at = writeHex(content, at, bytes);
    at += content.write('\n', at, 'latin1');
  }
  return { content: content.subarray(0, at), advice };
}

function head({ state, next, later }: Advice, now: Date): string {
  return `# Secrets of a fleet of tlsmgr, for tlsmgr_fleet_secret_file. Whoever has one can
# open all that the hosts share. The first one seals, and all of them open.
# Written by tlsmgr fleet-secret, which writes the whole file anew at each step.
#
# ${timeText(now)}: ${state}
# Next: ${next}
# Then: ${later}
`;
}

/** In minutes, UTC. */
export function timeText(time: Date): string {
  return `${time.toISOString().slice(0, 16)}Z`;
}
