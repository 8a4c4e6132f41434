/**
 * Finds the facts of this host (host-facts.ts). Its files are read at the start,
 * before the chroot; what can't be read isn't compared. Postfix's own parameters
 * are taken from main.cf and not from the options of this service: they are read
 * by other programs.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CacheName, serverCacheName } from '../config/cache-names.ts';
import type { Config } from '../config/config.ts';
import { awaitPostconf } from '../config/installed-defaults.ts';
import { Settings } from '../config/settings.ts';
import { FatalError } from '../errors.ts';
import { openForReading } from '../system/safe-open.ts';
import { version } from '../version.ts';
import type { HostFacts } from './host-facts.ts';
import { smtpdServicesIn } from './smtpd-services.ts';

/** The system's own bundle has 220 kB. */
const longestFileBytes = 8 * 1024 * 1024;
/** A heartbeat takes no more (heartbeat-value.ts). */
const mostServices = 64;
/** Of Postfix 3.0 and later. */
const usualTicketCipher = 'aes-256-cbc';
const digestBytes = 12;

const certificate = /-----BEGIN ((?:TRUSTED )?CERTIFICATE)-----([^-]*)-----END \1-----/gu;
/** How OpenSSL finds a certificate in a directory: by a hash of its subject. */
const certificateName = /^[0-9a-f]{8}\.\d+$/u;

/** Of the shared caches, and of smtpd, whose lifetime ticket keys have. */
export function sharedLifetimes({
  fleet,
  caches,
}: Pick<Config, 'fleet' | 'caches'>): Readonly<Record<CacheName, number>> {
  const shared = fleet.engine === undefined ? [] : fleet.caches;
  return Object.fromEntries(
    [...caches]
      .filter(([name]) => name === serverCacheName || shared.includes(name))
      .map(([name, { lifetimeSeconds }]) => [name, lifetimeSeconds]),
  );
}

/** Takes a few milliseconds. `openssl` isn't among them: opensslVersion() tells it later. */
export function gatherFacts(
  config: Pick<Config, 'fleet' | 'caches' | 'configDirectory'>,
): HostFacts {
  const { fleet } = config;
  const shared = fleet.engine === undefined ? [] : fleet.caches;
  const mainCf = postfixParameters(config.configDirectory);
  return withoutUndefined({
    version,
    node: process.versions.node,
    keySet: fleet.keySet,
    ticketKeys: fleet.ticketKeys,
    caches: shared,
    lifetimes: sharedLifetimes(config),
    ticketCipher: mainCf('tls_session_ticket_cipher', usualTicketCipher),
    smtpdServices: smtpdServices(config.configDirectory),
    authorities: shared.includes('smtp') ? authoritiesDigest(mainCf) : undefined,
  });
}

/**
 * Asks postconf(1) for the OpenSSL that Postfix's programs use, `3.0.17` for one.
 * The process is started before this returns, so call it before the chroot.
 */
export async function opensslVersion(
  configDirectory: string,
  run = awaitPostconf,
): Promise<string | undefined> {
  try {
    const printed = await run(['-c', configDirectory, '-T', 'run-version']);
    return /^(?:Open|Libre)SSL (\S+)/u.exec(printed)?.[1];
  } catch {
    // No Postfix, or an old one. It isn't compared.
    return undefined;
  }
}

type TextOf = (name: string, usual: string) => string | undefined;

/** @returns undefined for a value that can't be expanded without asking postconf(1). */
function postfixParameters(configDirectory: string): TextOf {
  let settings: Settings | undefined;
  let isKnown = true;
  try {
    settings = new Settings({
      configDirectory,
      environment: {},
      programName: 'smtpd',
      serviceName: 'smtpd',
      mode: 'daemon',
      overrides: [],
      warn: () => undefined,
      runPostconf: () => {
        isKnown = false;
        throw new Error('not asked: it would delay the start');
      },
    });
  } catch (thrown) {
    // A standalone tlsmgr may have no main.cf.
    requireFatal(thrown);
  }
  return (name, usual) => {
    try {
      const text = settings?.inMainCf(name) ?? usual;
      return isKnown ? text : undefined;
    } catch (thrown) {
      requireFatal(thrown);
      return undefined;
    }
  };
}

function requireFatal(thrown: unknown): void {
  if (!(thrown instanceof FatalError)) {
    throw thrown;
  }
}

function smtpdServices(configDirectory: string): string[] | undefined {
  const path = join(configDirectory, 'master.cf');
  const text = contentOf(path)?.toString('latin1');
  const names = text === undefined ? undefined : smtpdServicesIn(text, path);
  return names === undefined || names.length > mostServices ? undefined : names;
}

/** Of a set: neither the order nor a comment counts. */
function authoritiesDigest(mainCf: TextOf): string | undefined {
  const file = mainCf('smtp_tls_CAfile', '');
  const folder = mainCf('smtp_tls_CApath', '');
  const appended = mainCf('tls_append_default_CA', 'no');
  const inFile = file === undefined ? undefined : certificatesIn(file);
  const inFolder = folder === undefined ? undefined : namesIn(folder);
  if (inFile === undefined || inFolder === undefined || appended === undefined) {
    return undefined;
  }
  const hash = createHash('sha256');
  for (const part of [appended.toLowerCase(), ...inFile, '', ...inFolder]) {
    hash.update(part).update('\n');
  }
  return hash.digest('base64url').slice(0, digestBytes);
}

function certificatesIn(path: string): string[] | undefined {
  const text = path === '' ? '' : contentOf(path)?.toString('latin1');
  return text === undefined
    ? undefined
    : [...text.matchAll(certificate)].map(([, , body]) => body!.replaceAll(/\s/gu, '')).toSorted();
}

function namesIn(folder: string): string[] | undefined {
  if (folder === '') {
    return [];
  }
  try {
    return readdirSync(folder)
      .filter((name) => certificateName.test(name))
      .toSorted();
  } catch {
    // It isn't compared.
    return undefined;
  }
}

/** Undefined when it can't be read, is no file, or is too long. */
function contentOf(path: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openForReading(path, ['regular file']);
    return fstatSync(fd).size > longestFileBytes ? undefined : readFileSync(fd);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) {
      closeSync(fd);
    }
  }
}

function withoutUndefined(facts: {
  [Name in keyof HostFacts]: HostFacts[Name] | undefined;
}): HostFacts {
  const known = Object.entries(facts).filter(([, fact]) => fact !== undefined);
  return Object.fromEntries(known) as unknown as HostFacts;
}
