/**
 * The words of the wire: attribute names, request names and status codes, in
 * Postfix's exact spelling (`cachable` included). Source: src/tls/tls_mgr.h.
 */

/** What the server says first, to clients of Postfix 3.6 and later. */
export const announcementName = 'protocol';
export const announcementValue = 'tlsmgr_protocol';

/** The name that every request starts with. */
export const requestName = 'request';

export const statusName = 'status';

/** Outcomes. On the wire they are unsigned 32-bit numbers: -1 is `4294967295`. */
export const status = {
  /** Done. */
  ok: 0,
  /** Not there, or can't. */
  error: -1,
  /** The request is wrong, or this cache is off. */
  fail: -2,
} as const;

/** master(8)'s wake-up is this bare string and not an attribute list. */
export const wakeupName = 'W';
