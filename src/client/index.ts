/** The client library: what `tlsmgr/client` exports. */
export { TlsmgrClient } from './client.ts';
export type { ClientOptions } from './client.ts';
export type { CallOptions } from './call.ts';
export type { Identity } from './identification.ts';
export type { RequestMessage } from './trace.ts';
export type { ListedSession, Policy } from './answers.ts';
export type { CacheId, CacheName } from './questions.ts';
export type { ScopedKey } from '../tickets/scoped-key.ts';
export { TlsmgrError } from '../errors.ts';
export type { ErrorCode } from '../errors.ts';
