/**
 * What the parameters of a fleet come to together. Each of them has been checked
 * by its row before. A value that doesn't fit the others is refused: its default
 * is used, as for any fault in a parameter of ours.
 */
import { FatalError } from '../errors.ts';
import { type CacheName, serverCacheName } from './cache-names.ts';
import type { CacheSettings, FleetSettings } from './config.ts';
import type { Parameter, ValuesOf } from './parameter.ts';
import { type EngineChoice, fleetRows, type TicketKeySource } from './parameters/fleet.ts';
import { words } from './values.ts';

/** A key seals for half of the lifetime of smtpd's sessions. That is the period. */
const shortestPeriodSeconds = 600;
const longestPeriodSeconds = 43_200;

/** The option of OpenSSL, in a mask. */
const noTicketBit = 0x4000n;

export interface FleetSurroundings {
  readonly caches: ReadonlyMap<CacheName, CacheSettings>;
  /** The value that a parameter of Postfix has been given; undefined: its default. Throws FatalError. */
  readonly setText: (name: string) => string | undefined;
  /** Told of a value whose default is used. */
  readonly refuse: (parameter: Parameter, message: string) => void;
}

export function fleetSettings(
  values: ValuesOf<typeof fleetRows>,
  surroundings: FleetSurroundings,
): FleetSettings {
  const { secretFile, keySet, host } = values;
  const engine = engineOf(values, surroundings);
  const caches = cachesOf(values, surroundings);
  return {
    ticketKeys: ticketKeysOf(values, surroundings),
    secretFile,
    engine,
    engineText: engine === undefined ? '' : engineText(engine),
    caches,
    keySet,
    host,
    sharesTls13: engine !== undefined && givesNoTickets(surroundings.setText),
  };
}

function engineOf(
  { engine, secretFile }: ValuesOf<typeof fleetRows>,
  { refuse }: FleetSurroundings,
): EngineChoice | undefined {
  if (engine === undefined || secretFile !== '') {
    return engine;
  }
  refuse(
    fleetRows.engine,
    `${fleetRows.engine.name} = ${engineText(engine)} needs ${fleetRows.secretFile.name}, which is empty`,
  );
  return undefined;
}

function engineText({ type, file }: EngineChoice): string {
  return `${type}:${file}`;
}

function ticketKeysOf(
  values: ValuesOf<typeof fleetRows>,
  { caches, refuse }: FleetSurroundings,
): TicketKeySource {
  const { ticketKeys } = values;
  const { lifetimeSeconds } = caches.get(serverCacheName)!;
  const lack = ticketKeys === 'local' ? undefined : lackOf(values, lifetimeSeconds);
  if (lack === undefined) {
    return ticketKeys;
  }
  refuse(fleetRows.ticketKeys, `${fleetRows.ticketKeys.name} = ${ticketKeys} needs ${lack}`);
  return 'local';
}

/** What keys that aren't local need and don't have. */
function lackOf(
  { ticketKeys, secretFile, engine }: ValuesOf<typeof fleetRows>,
  lifetimeSeconds: number,
): string | undefined {
  if (secretFile === '') {
    return `${fleetRows.secretFile.name}, which is empty`;
  }
  if (ticketKeys !== 'derived' && engine === undefined) {
    return `${fleetRows.engine.name}, which is empty`;
  }
  const periodSeconds = Math.floor(lifetimeSeconds / 2);
  const isRight =
    lifetimeSeconds === 0 ||
    (periodSeconds >= shortestPeriodSeconds && periodSeconds <= longestPeriodSeconds);
  return isRight
    ? undefined
    : `${serverCacheName}_tls_session_cache_timeout from ${2 * shortestPeriodSeconds}s to ${2 * longestPeriodSeconds}s, or 0, and it is ${lifetimeSeconds}s`;
}

function cachesOf(
  { caches: named }: ValuesOf<typeof fleetRows>,
  { caches, refuse }: FleetSurroundings,
): readonly CacheName[] {
  const unknown = named.find((name) => !caches.has(name));
  if (unknown === undefined) {
    return named;
  }
  const { name, default: usual } = fleetRows.caches;
  refuse(fleetRows.caches, `${name} = ${named.join(', ')}: there is no cache ${unknown}`);
  return words(usual);
}

/**
 * Whether main.cf keeps smtpd(8) from giving tickets. Only then it looks up TLS 1.3
 * sessions in its cache.
 */
function givesNoTickets(setText: FleetSurroundings['setText']): boolean {
  try {
    const options = words(setText('tls_ssl_options') ?? '');
    return options.some(isNoTicket) || setText('tls_session_ticket_cipher') === '';
  } catch (thrown) {
    // smtpd(8) doesn't start with such a value.
    if (thrown instanceof FatalError) {
      return false;
    }
    throw thrown;
  }
}

/** A name or a mask in hexadecimal. */
function isNoTicket(option: string): boolean {
  return /^0x[0-9a-f]{1,16}$/iu.test(option)
    ? (BigInt(option) & noTicketBit) !== 0n
    : option.toLowerCase() === 'no_ticket';
}
