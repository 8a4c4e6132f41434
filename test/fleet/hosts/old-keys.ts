/**
 * Ticket keys in an engine as a fleet leaves them there that has run for long: put
 * so long ago that each host knows them. A fleet that finds them shares at once, and
 * no test has to wait until new keys are confirmed.
 */
import { randomBytes } from 'node:crypto';
import type { Engine } from '../../../src/fleet/engine/engine.ts';
import { readEngineFile } from '../../../src/fleet/engine/engine-file.ts';
import { openEngine } from '../../../src/fleet/engine/open-engine.ts';
import { writeKeyValue } from '../../../src/fleet/keys/key-value.ts';
import { sealsOf } from '../../../src/fleet/sealing.ts';
import { readFleetSecrets } from '../../../src/fleet/secret-file.ts';
import type { Logger } from '../../../src/log/logger.ts';
import { systemClock } from '../../../src/system/clock.ts';
import { poll } from '../../postfix/poll.ts';

/** Keys that were put before so long are known to all hosts. */
const putBeforeSeconds = 300;

/** A key is made so many periods before it seals. */
const periodsAhead = 2;

/** A key opens tickets so long after the period behind its own, and stays in the engine longer. */
const keptSeconds = 600;

const silent: Logger = { verbose: 0, info: () => {}, warning: () => {}, error: () => {} };

export interface OldKeysOptions {
  engineFile: string;
  secretFile: string;
  keySet: string;
  periodSeconds: number;
}

export async function putKeysOfOldFleet(options: OldKeysOptions): Promise<void> {
  const settings = readEngineFile(options.engineFile);
  const engine = await openEngine(settings, { log: silent, clock: systemClock });
  engine.start();
  await poll('the engine', () => engine.connection === 'up');
  try {
    const now = Math.floor(systemClock.nowSeconds() / options.periodSeconds);
    for (let period = now - 1; period <= now + periodsAhead; period += 1) {
      await putKey(engine, period, options);
    }
  } finally {
    engine.closeNow();
  }
}

async function putKey(
  engine: Engine,
  period: number,
  { secretFile, keySet, periodSeconds }: OldKeysOptions,
): Promise<void> {
  const seals = sealsOf(readFleetSecrets(secretFile));
  const key = randomBytes(80);
  const name = key.subarray(0, 16);
  const value = writeKeyValue({
    origin: period,
    putAtMs: (await engine.timeMs()) - putBeforeSeconds * 1000,
    key,
    maker: 'host-a',
  });
  const expiresAtMs = ((period + 2) * periodSeconds + keptSeconds) * 1000;
  const place = { set: keySet, periodSeconds, period, name };
  const hash = `k:${keySet}:${periodSeconds}:${period}`;
  await engine.putField(hash, name.toString('base64url'), seals.sealKey(place, expiresAtMs, value));
  await engine.expireAt(hash, expiresAtMs);
  seals.wipe();
}
