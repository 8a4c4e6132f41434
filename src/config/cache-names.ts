/**
 * The session caches by name. A name is the `cache_type` of requests, the start
 * of the names of a cache's parameters, and its key in reports.
 *
 * Which caches there are is told by the settings (Config.caches), in the order
 * in which reports have them. The three of Postfix are always among them and
 * come first; tlsmgr_session_caches adds others.
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

export const postfixCacheNames: readonly CacheName[] = postfixCaches.map(({ name }) => name);

/** With those of Postfix. Each costs memory, and a comparison for each request. */
export const mostCaches = 64;

/** What `$name` of main.cf can refer to. A letter comes first, so that no name is a number. */
const nameSyntax = /^[A-Za-z][A-Za-z0-9_]*$/u;

/** Parameters of Postfix begin with these: tlsproxy_tls_loglevel. */
const reservedNames: ReadonlySet<string> = new Set(['tlsproxy']);

export function isPostfixCache(name: CacheName): boolean {
  return postfixCacheNames.includes(name);
}

/** Whether a cache can have this name. */
export function isCacheName(text: string): boolean {
  return nameSyntax.test(text) && !reservedNames.has(text);
}

/** All caches where these are named: Postfix's first, then the others in their order. */
export function cachesNamed(names: Iterable<CacheName>): CacheDescription[] {
  const added = [...names].filter((name) => !isPostfixCache(name));
  return [
    ...postfixCaches,
    ...added.map((name) => ({ name, owner: `programs that ask for ${name}` })),
  ];
}

/** What is wrong with the words of tlsmgr_session_caches; undefined when nothing is. */
export function cacheNamesFault(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (const name of names) {
    if (!nameSyntax.test(name)) {
      return `bad name of a cache: ${name}`;
    }
    if (reservedNames.has(name)) {
      return `${name} is the name of a program of Postfix that has no cache`;
    }
    if (seen.has(name)) {
      return `${name} is there twice`;
    }
    seen.add(name);
  }
  const { length } = cachesNamed(seen);
  return length > mostCaches ? `${length} caches, and ${mostCaches} are allowed` : undefined;
}
