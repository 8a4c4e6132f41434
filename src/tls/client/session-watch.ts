/** Tells on the diagnostics channel `tlsmgr.client.session` what becomes of a client's sessions. */
import { channel } from 'node:diagnostics_channel';

/** Why a session is not kept, not offered, or of no use. */
export type Refusal =
  /** The caller's own `checkServerIdentity` or `secureContext` has no name (`sessionPolicy`). */
  | 'unnamed policy'
  /** Of the caller's options: a `pskCallback`, or a value that can't be told apart from others. */
  | 'options'
  /** Nothing says which name the server's certificate is to have. */
  | 'no name'
  | 'unreadable'
  | 'too long'
  /** The certificate was not verified. */
  | 'unverified'
  | 'no certificate'
  /** The certificate is not valid yet, or not any more. */
  | 'certificate dates'
  /** The certificate is not that of this server. */
  | 'identity'
  /** The session's lifetime, or its ticket's, is over. */
  | 'expired'
  /** The server made a full handshake. */
  | 'server'
  /** The connection failed. */
  | 'connection'
  /** An error of this library: the connection goes on without a session. */
  | 'failure';

/** What subscribers of `tlsmgr.client.session` get. */
export interface ClientSessionMessage {
  scope: string;
  /** `host:port`. */
  destination: string;
  event: 'stored' | 'offered' | 'resumed' | 'refused';
  /** With `refused` alone. */
  why?: Refusal;
}

const sessions = channel('tlsmgr.client.session');

export function tell(message: ClientSessionMessage): void {
  if (sessions.hasSubscribers) {
    sessions.publish(message);
  }
}
