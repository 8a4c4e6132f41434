/**
 * A client that one virtual host has let in must not resume at another that
 * trusts other certificate authorities: Node tells it as authorized there, as no
 * certificate is verified again (as in CVE-2025-23419). So where certificates of
 * clients are asked for, contexts for host names (SNI) may have no authorities but
 * the server's own. Of a ready made context, or of an SNICallback, that can't be
 * seen: they are refused as well.
 */
import { Server } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import { TlsmgrError } from '../errors.ts';
import type { ShareTarget } from './target.ts';

interface ServerParts {
  requestCert?: boolean;
  ca?: unknown;
  _contexts?: unknown[];
}

/**
 * Throws TlsmgrError `REFUSED` where clients could be taken for authorized by
 * another host's authorities, and later by what adds such a host.
 * @returns what undoes the watch over later ones.
 */
export function refuseOtherAuthorities(target: ShareTarget): () => void {
  if (target instanceof Server) {
    return watchServer(target);
  }
  if ('updateSecureContext' in target) {
    checkSmtp(target.options);
  }
  return () => {};
}

function watchServer(server: Server): () => void {
  const parts = server as Server & ServerParts;
  if (parts.requestCert !== true) {
    return () => {};
  }
  if ((parts._contexts?.length ?? 0) > 0 || hasSniCallback(server)) {
    refuse();
  }
  const add = server.addContext.bind(server);
  const wrapped: Server['addContext'] = (host, context) => {
    // A ready made context has no options: what it trusts can't be seen.
    const { ca } = context as SecureContextOptions;
    if ('context' in context || !sameAuthorities(ca, parts.ca)) {
      refuse();
    }
    add(host, context);
  };
  server.addContext = wrapped;
  return () => {
    if (server.addContext === wrapped) {
      Reflect.deleteProperty(server, 'addContext');
    }
  };
}

/** Node keeps it under a symbol of its own. */
function hasSniCallback(server: Server): boolean {
  return Object.getOwnPropertySymbols(server).some(
    (symbol) =>
      symbol.description === 'snicallback' && typeof Reflect.get(server, symbol) === 'function',
  );
}

interface SmtpOptions {
  requestCert?: boolean;
  ca?: unknown;
  SNICallback?: unknown;
  sniOptions?: Map<string, SecureContextOptions> | Record<string, SecureContextOptions>;
}

function checkSmtp({ requestCert, ca, SNICallback, sniOptions }: SmtpOptions): void {
  if (requestCert !== true) {
    return;
  }
  const hosts =
    sniOptions instanceof Map ? [...sniOptions.values()] : Object.values(sniOptions ?? {});
  if (typeof SNICallback === 'function' || hosts.some((host) => !sameAuthorities(host.ca, ca))) {
    refuse();
  }
}

function sameAuthorities(one: unknown, other: unknown): boolean {
  return textOf(one) === textOf(other);
}

function textOf(authorities: unknown): string {
  const all = Array.isArray(authorities) ? authorities : [authorities ?? ''];
  return all.map(String).join('\n');
}

function refuse(): never {
  throw new TlsmgrError(
    'REFUSED',
    'sessions are not shared where client certificates are asked for and host names have ' +
      "contexts of their own, unless their ca is the server's",
  );
}
