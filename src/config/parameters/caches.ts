/** Rows of the session caches. Order: src/tlsmgr/tlsmgr.c. */
import {
  type CacheDescription,
  type CacheName,
  isCacheName,
  isPostfixCache,
} from '../cache-names.ts';
import { cacheNames, flag, integer, size, text, time } from '../parameter.ts';

const longestCacheSeconds = 8_640_000;

export type CacheRows = ReturnType<typeof cacheRows>;

/**
 * The rows of one cache. Those of an added cache are all ours, so that a fault in
 * one gives its default. Whoever adds a cache wants it: it is on by default.
 */
export function cacheRows({ name: label, owner }: CacheDescription) {
  const of = `of the ${owner}`;
  const isAdded = !isPostfixCache(label);
  const at = (order: number) => (isAdded ? { ours: true } : { order });
  return {
    lifetimeSeconds: time({
      name: `${label}_tls_session_cache_timeout`,
      ...at(610),
      group: 'cache',
      default: '3600s',
      min: 0,
      max: longestCacheSeconds,
      applies: 'at once',
      help: `Lifetime of the sessions ${of}; 0 turns its cache off, 1 to 119 s count as 120.`,
    }),
    database: text({
      name: `${label}_tls_session_cache_database`,
      ...at(640),
      group: 'cache',
      default: isAdded ? 'internal:' : '',
      applies: 'on and off at once',
      help: `The session cache ${of}: a type and a path, or internal: for memory only; empty for none.`,
    }),
    sizeLimitBytes: size({
      name: `${label}_tls_session_cache_size_limit`,
      group: 'cache',
      default: '268435456',
      min: 0,
      ours: true,
      applies: 'at once',
      help: `Most bytes of ids and sessions in the cache ${of}; the oldest go first.`,
    }),
    entryLimit: integer({
      name: `${label}_tls_session_cache_entry_limit`,
      group: 'cache',
      default: '0',
      min: 0,
      ours: true,
      applies: 'at once',
      help: `Most sessions in the cache ${of}; the oldest go first. 0: no such limit.`,
    }),
    logLevel: text({
      name: `${label}_tls_loglevel`,
      ...at(650),
      group: 'cache',
      default: '0',
      help: `2 and more log each operation of the cache ${of}.`,
    }),
  };
}

const ofOneCache =
  /^(\w+?)_tls_(?:session_cache_(?:timeout|database|size_limit|entry_limit)|loglevel)$/u;

/** The cache that a parameter would be of, if there were a cache of that name; undefined for none. */
export function cacheOfParameter(parameter: string): CacheName | undefined {
  const name = ofOneCache.exec(parameter)?.[1];
  return name !== undefined && isCacheName(name) ? name : undefined;
}

/** Which caches there are. */
export const cacheListRows = {
  sessionCaches: cacheNames({
    name: 'tlsmgr_session_caches',
    group: 'cache',
    default: 'smtpd, smtp, lmtp',
    ours: true,
    applies: 'at once',
    help: 'The session caches. smtpd, smtp and lmtp are always there, named or not; each other name adds a cache with parameters of that name.',
  }),
};

/** What the caches' files share. */
export const cacheFileRows = {
  /** Whether cache files are read back at start instead of truncated. */
  persistentCaches: flag({
    name: 'tlsmgr_session_cache_persistent',
    group: 'cache',
    default: 'no',
    ours: true,
    help: "Whether sessions survive a restart in the caches' files.",
  }),
  /** Path of the file with the keys that encrypt cache files; empty: none. */
  cacheKeyFile: text({
    name: 'tlsmgr_session_cache_key_file',
    group: 'cache',
    default: '',
    ours: true,
    help: "File with the keys that encrypt the caches' files; empty: they are not encrypted.",
  }),
};
