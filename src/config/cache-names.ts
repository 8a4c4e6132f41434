/**
 * The session caches by name. A name is the `cache_type` of requests, the start
 * of the names of a cache's parameters, and its key in reports.
 *
 * Which caches there are is told by the settings (Config.caches), in the order
 * in which reports have them. The three of Postfix are always among them.
 */

export type CacheName = string;

export interface CacheDescription {
  readonly name: CacheName;
  /** Whose sessions it keeps, as help texts call it after `of the`. */
  readonly owner: string;
}

/** Postfix's own programs ask for these. */
export const postfixCaches: readonly CacheDescription[] = [
  { name: 'smtpd', owner: 'SMTP server' },
  { name: 'smtp', owner: 'SMTP client' },
  { name: 'lmtp', owner: 'LMTP client' },
];

/** The cache of smtpd(8). Session ticket keys live as long as its sessions, as in Postfix. */
export const serverCacheName: CacheName = 'smtpd';

/** For code that has no settings at hand. */
export const postfixCacheNames: readonly CacheName[] = postfixCaches.map(({ name }) => name);
