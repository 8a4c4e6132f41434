/**
 * What one host tells the others of its fleet about itself, and where two hosts
 * differ so that one can't use what the other has shared. Nothing here is secret.
 */
import { type CacheName, serverCacheName } from '../config/cache-names.ts';
import type { FleetKeysReport } from './report.ts';

/** Undefined: it isn't known, and is not compared. */
export interface HostFacts {
  /** Of tlsmgr. */
  version: string;
  /** Of Node.js. */
  node?: string;
  /** tlsmgr_fleet_key_set. */
  keySet?: string;
  /** tlsmgr_ticket_keys. */
  ticketKeys?: 'local' | FleetKeysReport['source'];
  /** tlsmgr_fleet_caches, if there is an engine. */
  caches?: readonly CacheName[];
  /** Seconds, of the shared caches and of smtpd. */
  lifetimes?: Readonly<Record<CacheName, number>>;
  /** tls_session_ticket_cipher. */
  ticketCipher?: string;
  /** Names of the smtpd(8) services in master.cf. Session ids hold them. */
  smtpdServices?: readonly string[];
  /** A hash over the certificates of authorities that smtp(8) trusts. */
  authorities?: string;
  /** OpenSSL's version in the installed Postfix. Session ids hold it. */
  openssl?: string;
  /** Tells first secrets apart, and nothing of them. */
  firstSecret?: string;
}

export interface Difference {
  /** Fits after `HOST has `. */
  text: string;
  /** False for what is so for a while when secrets are replaced. */
  isFault: boolean;
}

const fault = (text: string): Difference[] => [{ text, isFault: true }];

/** A part is compared only where both hosts share what depends on it. */
export function differencesOf(there: HostFacts, here: HostFacts): Difference[] {
  const sharesKeys = isSameSet(there, here) && [there, here].every((one) => givesSharedKeys(one));
  const shared = (here.caches ?? []).filter((name) => there.caches?.includes(name));
  return [
    ...keyModes(there, here),
    ...cacheNames(there, here),
    ...lifetimes(there, here, sharesKeys ? [serverCacheName, ...shared] : shared),
    ...(sharesKeys
      ? values('tls_session_ticket_cipher', there.ticketCipher, here.ticketCipher)
      : []),
    ...(sharesKeys || shared.includes(serverCacheName) ? services(there, here) : []),
    ...(shared.length > 0 ? values('OpenSSL', there.openssl, here.openssl) : []),
    ...(shared.includes('smtp') ? authorities(there, here) : []),
    ...secrets(there, here),
  ];
}

function isSameSet(there: HostFacts, here: HostFacts): boolean {
  return there.keySet !== undefined && there.keySet === here.keySet;
}

function givesSharedKeys({ ticketKeys }: HostFacts): boolean {
  return ticketKeys !== undefined && ticketKeys !== 'local';
}

function keyModes(there: HostFacts, here: HostFacts): Difference[] {
  return isSameSet(there, here)
    ? values('tlsmgr_ticket_keys', there.ticketKeys, here.ticketKeys)
    : [];
}

function cacheNames(there: HostFacts, here: HostFacts): Difference[] {
  return values('tlsmgr_fleet_caches', listOf(there.caches), listOf(here.caches));
}

function listOf(names: readonly string[] | undefined): string | undefined {
  return names === undefined ? undefined : names.toSorted().join(', ') || 'none';
}

function values(name: string, there: string | undefined, here: string | undefined): Difference[] {
  return there === undefined || here === undefined || there === here
    ? []
    : fault(`${name} ${there || 'empty'}, here ${here || 'empty'}`);
}

function lifetimes(there: HostFacts, here: HostFacts, caches: readonly CacheName[]): Difference[] {
  return [...new Set(caches)].flatMap((name) =>
    values(
      `${name}_tls_session_cache_timeout`,
      secondsText(there.lifetimes, name),
      secondsText(here.lifetimes, name),
    ),
  );
}

function secondsText(all: HostFacts['lifetimes'], name: CacheName): string | undefined {
  return all !== undefined && Object.hasOwn(all, name) ? `${all[name]!}s` : undefined;
}

/** A host may lack a service of the other. But each with another name for one is a fault. */
function services(
  { smtpdServices: there }: HostFacts,
  { smtpdServices: here }: HostFacts,
): Difference[] {
  if (there === undefined || here === undefined) {
    return [];
  }
  const onlyThere = there.filter((name) => !here.includes(name));
  const onlyHere = here.filter((name) => !there.includes(name));
  return onlyThere.length === 0 || onlyHere.length === 0
    ? []
    : fault(`smtpd services ${onlyThere.join(', ')}, here ${onlyHere.join(', ')}`);
}

function authorities(there: HostFacts, here: HostFacts): Difference[] {
  return values('', there.authorities, here.authorities).length === 0
    ? []
    : fault('other certificates in smtp_tls_CAfile or smtp_tls_CApath than this host');
}

function secrets(there: HostFacts, here: HostFacts): Difference[] {
  return values('', there.firstSecret, here.firstSecret).map(() => ({
    text: 'another first secret in tlsmgr_fleet_secret_file than this host',
    isFault: false,
  }));
}
