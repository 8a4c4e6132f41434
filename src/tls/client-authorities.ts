/**
 * A client that one virtual host has let in must not resume at another that
 * trusts other certificate authorities: Node tells it as authorized there, as no
 * certificate is verified again (as in CVE-2025-23419). So where certificates of
 * clients are asked for, contexts for host names (SNI) may have no authorities but
 * the server's own. Of a ready made context, of an SNICallback, and of a PKCS#12
 * file, which may bring authorities, that can't be seen: they are refused as well.
 * Nor may the server's own authorities change while hosts keep the old ones.
 */
import { Server } from 'node:tls';
import type { TlsOptions } from 'node:tls';
import { TlsmgrError } from '../errors.ts';
import type { ShareTarget, SMTPServerLike } from './target.ts';
import { type AskingOptions, trustOf, type TrustOptions } from './trusted-authorities.ts';
import { wrapMethod } from './wrapped-method.ts';

interface ServerParts extends AskingOptions {
  _contexts?: unknown[];
}

/**
 * Throws TlsmgrError `REFUSED` where clients could be taken for authorized by
 * another host's authorities, and later by what adds such a host or changes the
 * authorities.
 * @returns what undoes the watch over later ones.
 */
export function refuseOtherAuthorities(target: ShareTarget): () => void {
  if (target instanceof Server) {
    return watchServer(target);
  }
  if ('updateSecureContext' in target) {
    return watchSmtp(target);
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
  let trusted = trustOf(parts);
  let hasHosts = false;
  const unwatchHosts = wrapMethod(
    server as { addContext: Server['addContext'] },
    'addContext',
    (add) => (host, context) => {
      // A ready made context has no options: what it trusts can't be seen.
      if ('context' in context || !trustsOnly(trusted, context)) {
        refuse();
      }
      add(host, context);
      hasHosts = true;
    },
  );
  const unwatchOwn = wrapMethod(
    server as { setSecureContext: (options: TlsOptions) => void },
    'setSecureContext',
    (replace) => (options) => {
      const trust = trustOf(options);
      if (hasHosts && trust !== trusted) {
        refuse();
      }
      replace(options);
      trusted = trust;
    },
  );
  return () => {
    unwatchOwn();
    unwatchHosts();
  };
}

/** Node keeps it under a symbol of its own. */
function hasSniCallback(server: Server): boolean {
  return Object.getOwnPropertySymbols(server).some(
    (symbol) =>
      symbol.description === 'snicallback' && typeof Reflect.get(server, symbol) === 'function',
  );
}

interface SmtpOptions extends AskingOptions {
  SNICallback?: unknown;
  sniOptions?: MapLike | Record<string, TrustOptions>;
}

type MapLike = Pick<Map<string, TrustOptions>, 'get' | 'forEach'>;

/** As smtp-server tells them apart. */
function isMapLike(hosts: SmtpOptions['sniOptions']): hosts is MapLike {
  return hosts !== undefined && typeof hosts.get === 'function';
}

function watchSmtp(server: SMTPServerLike): () => void {
  checkSmtp(server.options);
  return wrapMethod(
    server as { updateSecureContext: (options?: object) => void },
    'updateSecureContext',
    (update) => (options) => {
      checkSmtp({ ...server.options, ...options });
      update(options);
    },
  );
}

function checkSmtp(options: SmtpOptions): void {
  const { requestCert, SNICallback, sniOptions } = options;
  if (requestCert !== true) {
    return;
  }
  const hosts: TrustOptions[] = [];
  if (isMapLike(sniOptions)) {
    sniOptions.forEach((host) => void hosts.push(host));
  } else {
    hosts.push(...Object.values(sniOptions ?? {}));
  }
  const trusted = trustOf(options);
  if (typeof SNICallback === 'function' || hosts.some((host) => !trustsOnly(trusted, host))) {
    refuse();
  }
}

function trustsOnly(trusted: string, host: TrustOptions): boolean {
  return (host.pfx === undefined || host.pfx === null) && trustOf(host) === trusted;
}

function refuse(): never {
  throw new TlsmgrError(
    'REFUSED',
    'sessions are not shared where client certificates are asked for and host names have ' +
      "contexts of their own, unless their ca is the server's and no pfx is among them",
  );
}
