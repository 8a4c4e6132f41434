/**
 * What sessions are shared on: a tls.Server (https and http2 servers are such),
 * an SMTP server of the package smtp-server, or a bare secure context. All come
 * down to a secure context that may be replaced at any time.
 */
import { Server } from 'node:tls';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import type { NativeContext } from './key-callback.ts';
import { type AskingOptions, clientAuthoritiesOf } from './trusted-authorities.ts';
import { wrapMethod } from './wrapped-method.ts';

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
  /**
   * Whose clients the context in force lets in, as a digest; undefined where no
   * certificates of clients are asked for.
   */
  readonly clientAuthorities: string | undefined;
  /** The secure context in force. Undefined where this Node keeps it elsewhere. */
  context(): NativeContext | undefined;
  /** For all tickets one key of 48 bytes, by what Node documents. */
  setTicketKeys(keys: Buffer): void;
  /**
   * Calls back whenever the context is another one, or its keys may be.
   * @param added what to put into the options of a new context, from whose clients it lets in.
   * @returns what undoes it.
   */
  watch(
    changed: () => void,
    added: (clientAuthorities: string | undefined) => SecureContextOptions,
  ): () => void;
}

/** Throws TypeError for what is no target. */
export function targetOf(target: ShareTarget): Target {
  if (typeof target !== 'object' || (target as unknown) === null) {
    notShared();
  }
  if (target instanceof Server) {
    return serverTarget(target);
  }
  if ('updateSecureContext' in target) {
    return smtpTarget(target);
  }
  if (target.context === undefined) {
    notShared();
  }
  return contextTarget(target);
}

function notShared(): never {
  throw new TypeError('sessions are shared on a tls.Server, an SMTPServer or a SecureContext');
}

/** What a tls.Server keeps that isn't public. */
interface ServerParts extends AskingOptions {
  _sharedCreds?: { context?: NativeContext };
}

function serverTarget(server: Server): Target {
  const parts = server as Server & ServerParts;
  // As the context was made: what is trusted by default may change later.
  let clientAuthorities = clientAuthoritiesOf(parts);
  return {
    server,
    get clientAuthorities() {
      return clientAuthorities;
    },
    context: () => parts._sharedCreds?.context,
    setTicketKeys: (keys) => server.setTicketKeys(keys),
    watch(changed, added) {
      // A cluster's primary hands its own keys to a worker that listens.
      server.on('listening', changed);
      const { requestCert, rejectUnauthorized } = parts;
      const unwrap = wrapMethod(
        server as { setSecureContext: (options: TlsOptions) => void },
        'setSecureContext',
        (replace) => (options) => {
          const asking = { ...options, requestCert, rejectUnauthorized };
          const authorities = clientAuthoritiesOf(asking);
          replace({ ...options, ...added(authorities) });
          clientAuthorities = authorities;
          changed();
        },
      );
      return () => {
        server.off('listening', changed);
        unwrap();
      };
    },
  };
}

function smtpTarget(server: SMTPServerLike): Target {
  const native = (): NativeContext | undefined => nativeOf(server.secureContext.get('*'));
  let clientAuthorities = clientAuthoritiesOf(server.options);
  return {
    server: undefined,
    get clientAuthorities() {
      return clientAuthorities;
    },
    context: native,
    setTicketKeys: (keys) => native()?.setTicketKeys?.(keys),
    watch(changed) {
      return wrapMethod(
        server as { updateSecureContext: (options?: object) => void },
        'updateSecureContext',
        (replace) => (options) => {
          replace(options);
          clientAuthorities = clientAuthoritiesOf(server.options);
          changed();
        },
      );
    },
  };
}

function contextTarget(secureContext: SecureContextLike): Target {
  return {
    server: undefined,
    clientAuthorities: undefined,
    context: () => nativeOf(secureContext),
    setTicketKeys: (keys) => nativeOf(secureContext)?.setTicketKeys?.(keys),
    watch: () => () => {},
  };
}

function nativeOf(secureContext: SecureContextLike | undefined): NativeContext | undefined {
  return secureContext?.context as NativeContext | undefined;
}
