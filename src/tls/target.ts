/**
 * What sessions are shared on: a tls.Server (https and http2 servers are such),
 * an SMTP server of the package smtp-server, or a bare secure context. All come
 * down to a secure context that may be replaced at any time.
 */
import { Server } from 'node:tls';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import type { NativeContext } from './key-callback.ts';

/** The part of smtp-server's SMTPServer that is used here. */
export interface SMTPServerLike {
  secureContext: Map<string, SecureContextLike>;
  updateSecureContext(options?: object): void;
  options: object;
}

/** tls.SecureContext as @types/node has it. */
export interface SecureContextLike {
  context: unknown;
}

/** What sessions can be shared on. */
export type ShareTarget = Server | SMTPServerLike | SecureContextLike;

export interface Target {
  /** The tls.Server that tells of handshakes, if there is one. */
  readonly server: Server | undefined;
  readonly asksForCertificates: boolean;
  /** The secure context in force. Undefined where this Node keeps it elsewhere. */
  context(): NativeContext | undefined;
  /** For all tickets one key of 48 bytes, by what Node documents. */
  setTicketKeys(keys: Buffer): void;
  /**
   * Calls back whenever the context is another one, or its keys may be.
   * @param added what to put into the options of a new context.
   * @returns what undoes it.
   */
  watch(changed: () => void, added: () => SecureContextOptions): () => void;
}

export function targetOf(target: ShareTarget): Target {
  if (target instanceof Server) {
    return serverTarget(target);
  }
  if ('updateSecureContext' in target) {
    return smtpTarget(target);
  }
  if (target.context === undefined) {
    throw new TypeError('sessions are shared on a tls.Server, an SMTPServer or a SecureContext');
  }
  return contextTarget(target);
}

/** What a tls.Server keeps that isn't public. */
interface ServerParts {
  _sharedCreds?: { context?: NativeContext };
  requestCert?: boolean;
}

function serverTarget(server: Server): Target {
  const parts = server as Server & ServerParts;
  return {
    server,
    get asksForCertificates() {
      return parts.requestCert === true;
    },
    context: () => parts._sharedCreds?.context,
    setTicketKeys: (keys) => server.setTicketKeys(keys),
    watch(changed, added) {
      // A cluster's primary hands its own keys to a worker that listens.
      server.on('listening', changed);
      const own = Object.getOwnPropertyDescriptor(server, 'setSecureContext');
      const replace = server.setSecureContext.bind(server);
      const wrapped = (options: TlsOptions): void => {
        replace({ ...options, ...added() });
        changed();
      };
      server.setSecureContext = wrapped;
      return () => {
        server.off('listening', changed);
        restore(server, 'setSecureContext', wrapped, own);
      };
    },
  };
}

function smtpTarget(server: SMTPServerLike): Target {
  const native = (): NativeContext | undefined => nativeOf(server.secureContext.get('*'));
  return {
    server: undefined,
    get asksForCertificates() {
      return 'requestCert' in server.options && server.options.requestCert === true;
    },
    context: native,
    setTicketKeys: (keys) => native()?.setTicketKeys?.(keys),
    watch(changed) {
      const own = Object.getOwnPropertyDescriptor(server, 'updateSecureContext');
      const replace = server.updateSecureContext.bind(server);
      const wrapped = (options?: object): void => {
        replace(options);
        changed();
      };
      server.updateSecureContext = wrapped;
      return () => restore(server, 'updateSecureContext', wrapped, own);
    },
  };
}

function contextTarget(secureContext: SecureContextLike): Target {
  return {
    server: undefined,
    asksForCertificates: false,
    context: () => nativeOf(secureContext),
    setTicketKeys: (keys) => nativeOf(secureContext)?.setTicketKeys?.(keys),
    watch: () => () => {},
  };
}

function nativeOf(secureContext: SecureContextLike | undefined): NativeContext | undefined {
  return secureContext?.context as NativeContext | undefined;
}

/** Puts back what was there before, unless somebody else has wrapped it once more. */
function restore<Holder extends object>(
  holder: Holder,
  name: keyof Holder,
  wrapped: unknown,
  own: PropertyDescriptor | undefined,
): void {
  if (holder[name] !== wrapped) {
    return;
  }
  if (own === undefined) {
    Reflect.deleteProperty(holder, name);
  } else {
    Object.defineProperty(holder, name, own);
  }
}
