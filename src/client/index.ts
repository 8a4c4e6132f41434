/** The client library: what `tlsmgr/client` exports. */
export { TlsmgrClient } from './client.ts';
export type { CacheId, ClientOptions, ListedSession, Policy } from './client.ts';
export type { ScopedKey } from '../tickets/scoped-key.ts';
export { TlsmgrError } from '../errors.ts';
export type { ErrorCode } from '../errors.ts';
export type { CacheName } from '../config/cache-names.ts';
