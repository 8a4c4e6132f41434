/** TLS sessions shared between Node servers: what `tlsmgr/tls` exports. */
export { shareSessions } from './share-sessions.ts';
export type { SharedSessions, ShareMode, ShareOptions, ShareStatistics } from './share-sessions.ts';
export type { RingState } from './ticket-ring.ts';
export type { HandshakeMessage, KeyUsed } from './handshake-watch.ts';
export { ServerPerKey } from './server-per-key.ts';
export type { ServerPerKeyOptions } from './server-per-key.ts';
export { peerAuthorized } from './peer-authorized.ts';
export type { SecureContextLike, ShareTarget, SMTPServerLike } from './target.ts';
export type { TicketClient } from './ticket-client.ts';
