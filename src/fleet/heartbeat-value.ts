/**
 * What is sealed in a heartbeat: JSON with the facts of a host.
 *
 *     value = { host, process, atMs, version, and each fact that is known }
 *
 * Only a holder of the secret can seal one. All the same nothing of it is
 * trusted: lengths are bounded, and text is printable ASCII.
 */
import type { HostFacts } from './host-facts.ts';

export interface Heartbeat {
  host: string;
  /** Tells two processes of one name apart. */
  process: string;
  /** By the engine's clock, milliseconds since 1970. */
  atMs: number;
  facts: HostFacts;
}

/** One with 64 services and 64 caches of long names has less. */
export const longestHeartbeatBytes = 32_768;
const longestText = 128;
const longestHost = 255;
const mostNames = 64;
const longestLifetimeSeconds = 100 * 86_400;

const printableText = /^[ -~]*$/u;
const hostText = /^[!-~]+$/u;
const cacheText = /^[A-Za-z]\w*$/u;
const modes = ['local', 'shared', 'derived', 'shared, derived'] as const;

export function heartbeatBytes({ host, process, atMs, facts }: Heartbeat): Buffer {
  return Buffer.from(JSON.stringify({ host, process, atMs, ...facts }));
}

/** @returns undefined when it is no heartbeat. A fact that isn't as it has to be is left out. */
export function parseHeartbeat(bytes: Buffer): Heartbeat | undefined {
  const value = bytes.length > longestHeartbeatBytes ? undefined : recordIn(bytes);
  if (value === undefined) {
    return undefined;
  }
  const host = textOf(value['host'], longestHost);
  const process = textOf(value['process']);
  const version = textOf(value['version']);
  const atMs = value['atMs'];
  return host === undefined ||
    !hostText.test(host) ||
    process === undefined ||
    version === undefined ||
    typeof atMs !== 'number' ||
    !Number.isSafeInteger(atMs)
    ? undefined
    : { host, process, atMs, facts: { version, ...factsOf(value) } };
}

function recordIn(bytes: Buffer): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    // No JSON: no heartbeat.
    return undefined;
  }
  return isRecord(value) ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function factsOf(value: Record<string, unknown>): Omit<HostFacts, 'version'> {
  const found: { [Name in keyof Omit<HostFacts, 'version'>]: HostFacts[Name] | undefined } = {
    node: textOf(value['node']),
    keySet: textOf(value['keySet']),
    ticketKeys: modes.find((mode) => mode === value['ticketKeys']),
    caches: namesOf(value['caches'], (name) => cacheText.test(name)),
    lifetimes: lifetimesOf(value['lifetimes']),
    ticketCipher: textOf(value['ticketCipher']),
    smtpdServices: namesOf(value['smtpdServices'], (name) => hostText.test(name)),
    authorities: textOf(value['authorities']),
    openssl: textOf(value['openssl']),
    firstSecret: textOf(value['firstSecret']),
  };
  const known = Object.entries(found).filter(([, fact]) => fact !== undefined);
  return Object.fromEntries(known);
}

function textOf(value: unknown, longest = longestText): string | undefined {
  return typeof value === 'string' && value.length <= longest && printableText.test(value)
    ? value
    : undefined;
}

function namesOf(value: unknown, isName: (text: string) => boolean): string[] | undefined {
  if (!Array.isArray(value) || value.length > mostNames) {
    return undefined;
  }
  const names = value.map((one) => textOf(one));
  return names.every((name) => name !== undefined && isName(name))
    ? (names as string[])
    : undefined;
}

function lifetimesOf(value: unknown): Record<string, number> | undefined {
  const entries = isRecord(value) ? Object.entries(value) : undefined;
  if (entries === undefined || entries.length > mostNames) {
    return undefined;
  }
  return entries.every(
    ([name, seconds]) =>
      cacheText.test(name) &&
      name.length <= longestText &&
      Number.isSafeInteger(seconds) &&
      (seconds as number) >= 0 &&
      (seconds as number) <= longestLifetimeSeconds,
  )
    ? Object.fromEntries(entries as [string, number][])
    : undefined;
}
