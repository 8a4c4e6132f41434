/**
 * Whether a saved session would resume at servers that use this tlsmgr, and if
 * not, why. A ticket starts with the name of the key that it is sealed with;
 * the daemon tells a hash of the name of each key that it has, and that is all
 * that is compared: nothing is opened, no key is asked for.
 *
 *     ticket = key name (16), IV (16), AES-256-CBC (a multiple of 16), HMAC-SHA-256 (32)
 *
 * Layout: RFC 5077 section 4, OpenSSL's ssl/statem/statem_srvr.c, and the key of
 * Postfix's src/tls/tls.h.
 */
import type { TlsmgrClient } from '../../client/client.ts';
import { type CacheName, serverCacheName } from '../../config/cache-names.ts';
import type { CacheReport, Report } from '../../report/report.ts';
import { printable } from '../../log/printable.ts';
import type { SessionSummary } from '../../openssl/session.ts';
import { duration } from '../output.ts';
import { originText } from './key-origin.ts';

/** A ticket around nothing: name, IV, one block, HMAC. */
const shortestTicketBytes = 80;
const blockBytes = 16;

export type TicketReason =
  | 'current-key'
  | 'older-key'
  | 'in-cache'
  | 'not-in-cache'
  | 'nothing-to-resume'
  | 'tickets-off'
  | 'wrong-length'
  | 'too-old'
  | 'unknown-key';

export interface TicketVerdict {
  resumes: boolean;
  reason: TicketReason;
  /** For people: why, in one sentence. */
  text: string;
  protocol: string;
  cipher: string;
  /** Since the handshake that made it; null when the file doesn't tell. */
  ageSeconds: number | null;
  /** How much longer it would resume; null when it wouldn't. */
  goodForSeconds: number | null;
  /** Fingerprint of the key it is sealed with; null without a ticket. */
  keyFingerprint: string | null;
  /** How its key was made, and by which host; null where hosts share no keys, or it isn't known. */
  keyOrigin: 'random' | 'continued' | 'derived' | null;
  keyMadeBy: string | null;
}

/** What of the daemon is looked at. */
export type TicketSurroundings = Pick<Report, 'tickets' | 'startedAt'> &
  Partial<Pick<Report, 'fleet'>> & {
    caches: Record<CacheName, Pick<CacheReport, 'enabled' | 'lifetimeSeconds'>>;
  };

/** @param cached whether the smtpd cache holds the session's id; only asked without a ticket. */
export async function judge(
  session: SessionSummary,
  daemon: TicketSurroundings,
  nowSeconds: number,
  cached: (sessionId: string) => Promise<boolean>,
): Promise<TicketVerdict> {
  const found =
    session.ticket === undefined
      ? await judgeId(session, daemon, cached)
      : judgeTicket(session, session.ticket, daemon, nowSeconds);
  return {
    goodForSeconds: null,
    keyOrigin: null,
    keyMadeBy: null,
    ...found,
    protocol: session.protocol,
    cipher: session.cipher,
    ageSeconds: ageOf(session, nowSeconds) ?? null,
    keyFingerprint: session.ticket?.keyFingerprint ?? null,
  };
}

type Finding = Pick<TicketVerdict, 'resumes' | 'reason' | 'text'> &
  Partial<Pick<TicketVerdict, 'goodForSeconds' | 'keyOrigin' | 'keyMadeBy'>>;

async function judgeId(
  { sessionId }: SessionSummary,
  { caches }: TicketSurroundings,
  cached: (sessionId: string) => Promise<boolean>,
): Promise<Finding> {
  if (sessionId === '') {
    const text = 'there is neither a ticket nor a session id in the file';
    return { resumes: false, reason: 'nothing-to-resume', text };
  }
  if (caches[serverCacheName]!.enabled && (await cached(sessionId))) {
    return {
      resumes: true,
      reason: 'in-cache',
      text: 'no ticket in the file, but the smtpd cache holds a session of its id',
    };
  }
  const why = caches[serverCacheName]!.enabled ? 'does not hold a session of its id' : 'is off';
  return {
    resumes: false,
    reason: 'not-in-cache',
    text: `no ticket in the file, and the smtpd cache ${why}`,
  };
}

function judgeTicket(
  session: SessionSummary,
  ticket: NonNullable<SessionSummary['ticket']>,
  daemon: TicketSurroundings,
  nowSeconds: number,
): Finding {
  const { tickets } = daemon;
  if (ticket.bytes < shortestTicketBytes || ticket.bytes % blockBytes !== 0) {
    return {
      resumes: false,
      reason: 'wrong-length',
      text: `${ticket.bytes} bytes are no ticket of a server that takes its keys from here: those have ${shortestTicketBytes} or more, a multiple of ${blockBytes}`,
    };
  }
  if (!tickets.enabled) {
    const text = 'this tlsmgr gives out no ticket keys: smtpd_tls_session_cache_timeout is 0';
    return { resumes: false, reason: 'tickets-off', text };
  }
  const { keyFingerprint } = ticket;
  const ageSeconds = ageOf(session, nowSeconds);
  const lifetimeSeconds = lifetimeOf(ticket.lifetimeHintSeconds, daemon);
  const leftSeconds =
    ageSeconds === undefined ? Number.POSITIVE_INFINITY : lifetimeSeconds - ageSeconds;
  if (leftSeconds <= 0) {
    return {
      resumes: false,
      reason: 'too-old',
      text: `made ${duration(ageSeconds!)} ago: the server takes tickets for ${duration(lifetimeSeconds)}`,
    };
  }
  const [current, ...older] = tickets.keys;
  const key = tickets.keys.find(({ fingerprint }) => fingerprint === keyFingerprint);
  if (key === undefined) {
    return { resumes: false, reason: 'unknown-key', text: unknownKeyText(session, daemon) };
  }
  const goodForSeconds = Math.min(leftSeconds, key.opensForSeconds);
  const isOlder = key !== current || older.includes(key) || key.sealsForSeconds <= 0;
  const origin = originText(key);
  const made = origin === '' ? '' : `, ${origin}`;
  return {
    resumes: true,
    reason: isOlder ? 'older-key' : 'current-key',
    text: isOlder
      ? `sealed with key ${keyFingerprint}${made}, which still opens tickets; the server will give out a new one`
      : `sealed with key ${keyFingerprint}${made}, which seals new ones too`,
    goodForSeconds,
    keyOrigin: key.origin ?? null,
    keyMadeBy: key.madeBy || null,
  };
}

function unknownKeyText(
  { createdSeconds }: SessionSummary,
  { startedAt, fleet }: TicketSurroundings,
): string {
  const startedSeconds = Date.parse(startedAt) / 1000;
  let why = 'another host or another instance made it, or its key is gone';
  if (fleet?.keys) {
    why = `a host that is not of the key set ${fleet.keySet} made it, or one that was cut off from the others, or its key is gone`;
  } else if (createdSeconds !== undefined && createdSeconds < Math.floor(startedSeconds)) {
    why = `it was made before this tlsmgr was started, ${startedAt}`;
  }
  return `sealed with a key that is not known here: ${why}`;
}

function ageOf({ createdSeconds }: SessionSummary, nowSeconds: number): number | undefined {
  return createdSeconds === undefined ? undefined : Math.max(0, nowSeconds - createdSeconds);
}

/** The server counts its own lifetime; it has told the client of it in the hint, if at all. */
function lifetimeOf(hintSeconds: number | undefined, { caches }: TicketSurroundings): number {
  const { lifetimeSeconds } = caches[serverCacheName]!;
  return hintSeconds === undefined || hintSeconds === 0
    ? lifetimeSeconds
    : Math.min(hintSeconds, lifetimeSeconds);
}

/** Whether the smtpd cache has the session: Postfix puts more behind the id, src/tls/tls_server.c. */
export async function isCached(client: TlsmgrClient, sessionId: string): Promise<boolean> {
  const start = `${sessionId.toUpperCase()}&`;
  for await (const { id } of client.list('smtpd')) {
    if (id.toString('latin1').startsWith(start)) {
      return true;
    }
  }
  return false;
}

export function verdictText(verdict: TicketVerdict): string {
  const { resumes, text, protocol, cipher, ageSeconds, goodForSeconds } = verdict;
  const lines = [
    `${resumes ? 'WOULD RESUME' : 'WOULD NOT RESUME'}: ${text}`,
    `${protocol}, ${cipher}${ageSeconds === null ? '' : `, made ${duration(ageSeconds)} ago`}${
      goodForSeconds === null ? '' : `, good for ${duration(goodForSeconds)} more`
    }`,
  ];
  return `${lines.map((line) => printable(line)).join('\n')}\n`;
}
