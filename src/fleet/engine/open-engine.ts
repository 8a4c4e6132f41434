/**
 * Opens the engine of the fleet. Call it before the chroot: the client library is
 * loaded here and only here, so a daemon without a fleet never loads it. The TLS
 * settings and what finds addresses are made here, too. It doesn't connect, and
 * waits for nobody: start() of the engine begins.
 */
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { FatalError } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import { reasonOf } from '../../system/calls.ts';
import type { Clock } from '../../system/clock.ts';
import type { EngineSettings, TlsFiles } from './engine-file.ts';
import type { Engine } from './engine.ts';
import { GuardedEngine } from './guarded-engine.ts';
import { Names, type NamesOptions } from './names.ts';
import { RedisLibrary } from './redis-library.ts';

export interface EngineDependencies {
  log: Logger;
  clock: Clock;
  names?: NamesOptions | undefined;
}

/** Besides two connections, that to a Sentinel and that to the master: the time until all is answered. */
const answersMs = 2000;

/** Throws FatalError when a certificate or a key can't be used. */
export async function openEngine(
  settings: EngineSettings,
  { log, clock, names }: EngineDependencies,
): Promise<Engine> {
  const { tls, connectTimeoutMs, readLimitMs, name } = settings;
  const ways = {
    settings,
    names: new Names(names),
    secureContext: tls === undefined ? undefined : makeContext(name, tls),
  };
  const { RedisClient, RedisCluster, RESP_TYPES } = await import('@redis/client');
  const library = new RedisLibrary({ RedisClient, RedisCluster, RESP_TYPES }, ways);
  const attemptSeconds = (2 * connectTimeoutMs + answersMs) / 1000;
  const secrets = settings.password === undefined ? [] : [settings.password];
  return new GuardedEngine({ name, readLimitMs, attemptSeconds, secrets }, { library, log, clock });
}

/** CAs are always given: what Node.js takes by itself may be a file that a chroot lacks. */
function makeContext(name: string, { ca, certificate, key }: TlsFiles): SecureContext {
  try {
    return createSecureContext({
      ca: ca ?? [...rootCertificates],
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key }),
    });
  } catch (thrown) {
    throw new FatalError(`${name}: TLS: ${reasonOf(thrown)}`, { cause: thrown });
  } finally {
    key?.fill(0);
  }
}
