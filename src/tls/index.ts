/** TLS sessions that processes share, of servers and of clients: what `tlsmgr/tls` exports. */
export { shareSessions } from './share-sessions.ts';
export type { SharedSessions, ShareMode, ShareStatistics } from './share-sessions.ts';
export type { ShareOptions } from './share-options.ts';
export type { RingState } from './ticket-ring.ts';
export type { HandshakeMessage, KeyUsed } from './handshake-watch.ts';
export { ServerPerKey } from './server-per-key.ts';
export type { ServerPerKeyOptions } from './server-per-key.ts';
export { peerAuthorized } from './peer-authorized.ts';
export type { SecureContextLike, ShareTarget, SMTPServerLike } from './target.ts';
export type { AskOptions, TicketClient } from './ticket-client.ts';
export { ClientSessions } from './client/client-sessions.ts';
export type { ClientSessionsOptions } from './client/client-sessions.ts';
export type { SessionConnectionOptions } from './client/destination.ts';
export type { SessionAgentOptions } from './client/https-agent.ts';
export type { MailerOptions, SocketGiven, WithSocket } from './client/nodemailer.ts';
export type { SessionClient } from './client/session-keeper.ts';
export type { ClientSessionMessage, Refusal } from './client/session-watch.ts';
export type {
  BuildConnector,
  UndiciConnector,
  UndiciConnectOptions,
  UndiciTarget,
} from './client/undici.ts';
export type { Clock } from '../system/clock.ts';
