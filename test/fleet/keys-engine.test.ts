/** Shared keys with the seals and the engine of a daemon: real secrets, a real Redis. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Engine } from '../../src/fleet/engine/engine.ts';
import { SharedKeys } from '../../src/fleet/keys/shared-keys.ts';
import { sealsOf } from '../../src/fleet/sealing.ts';
import { systemClock } from '../../src/system/clock.ts';
import { after as afterSeconds } from '../../src/system/timers.ts';
import { keyNameBytes } from '../../src/tickets/ticket-key.ts';
import { LogLines } from '../log-lines.ts';
import { openTestEngine, type TestEngine } from './open-test-engine.ts';
import { RedisServer, skipWithoutRedis, until } from './redis-server.ts';
import { lifetimeSeconds, periodSeconds, pool } from './test-fleet.ts';

describe('shared keys in a real engine', { skip: skipWithoutRedis }, () => {
  const secret = randomBytes(32);
  const opened: TestEngine[] = [];
  const hosts: SharedKeys[] = [];
  const log = new LogLines();
  let redis: RedisServer;

  before(async () => {
    redis = await RedisServer.start();
  });

  after(() => {
    hosts.forEach((keys) => keys.wipe());
    opened.forEach((engine) => engine.close());
    redis.close();
  });

  const engineOf = async (): Promise<Engine> => {
    const engine = await openTestEngine({ servers: redis.address });
    opened.push(engine);
    return engine.engine;
  };

  /** Starts a host whose engine hasn't connected yet, as in the daemon. */
  const startHost = (host: string, engine: Engine, secrets = [secret], readLimitMs = 10_000) => {
    const keys = new SharedKeys({
      lifetimeSeconds,
      keySet: 'smtpd',
      host,
      derivedFallback: false,
      engine,
      seals: sealsOf(secrets.map((one) => Buffer.from(one))),
      pool,
      clock: systemClock,
      after: afterSeconds,
      random: Math.random,
      log,
      readLimitMs,
    });
    hosts.push(keys);
    keys.start();
    return keys;
  };
  const ownName = (key: Buffer): Buffer => Buffer.from(key.subarray(0, keyNameBytes));

  test('hosts get the same key, and nothing in the engine tells it', async () => {
    const engine = await engineOf();
    const one = startHost('mx1', engine);
    const key = Buffer.from(await one.current());
    await until(() => one.report().counts.exchanges > 0);
    const other = startHost('mx2', await engineOf());
    assert.deepEqual(ownName(await other.current()), ownName(key));
    assert.equal(other.fleetState, 'joining');
    assert.equal(other.report().counts.made, 0);
    assert.ok(other.describe().every(({ madeBy }) => madeBy === 'mx1'));
    assert.ok(Math.abs(other.clockDifferenceMs!) < 2000);
    const period = Math.floor(Date.now() / 1000 / periodSeconds);
    const hash = `k:smtpd:${periodSeconds}:${period}`;
    const fields = await engine.fields(hash, 10);
    assert.deepEqual([...fields.keys()], [key.toString('base64url', 0, keyNameBytes)]);
    for (const value of fields.values()) {
      assert.ok(value.length > 100);
      assert.ok(!value.includes(key.subarray(16, 24)) && !value.includes('mx1'));
    }
    const end = Number(await redis.command('pexpiretime', `tlsmgr:${hash}`));
    assert.equal(end, ((period + 2) * periodSeconds + 600) * 1000);
  });

  test('a key that was made after the last exchange is read when a ticket names it', async () => {
    const one = startHost('mx3', await engineOf());
    await one.current();
    await until(() => one.report().counts.exchanges > 0);
    await redis.command('flushall');
    const other = startHost('mx4', await engineOf());
    const name = ownName(await other.current());
    await until(() => other.report().counts.exchanges > 0);
    const found = await one.named(name, 0);
    assert.deepEqual(found && ownName(found), name);
  });

  test('another secret opens nothing, and says so', async () => {
    log.take();
    const stranger = startHost('mx5', await engineOf(), [randomBytes(32)]);
    await stranger.current();
    await until(() => stranger.report().counts.exchanges > 0);
    assert.ok(stranger.report().counts.notOpened >= 3);
    assert.ok(log.take().some((line) => line.includes('value not opened')));
    assert.ok(stranger.describe().every(({ madeBy }) => madeBy === 'mx5'));
  });

  test('an engine that has stopped keeps no request waiting for long', async () => {
    const keys = startHost('mx6', await engineOf(), [secret], 50);
    await until(() => keys.report().counts.exchanges > 0);
    redis.stop();
    try {
      const began = performance.now();
      const answers = await Promise.all(
        Array.from({ length: 10 }, async () => keys.named(randomBytes(16), 0)),
      );
      assert.ok(answers.every((answer) => answer === undefined));
      assert.ok(performance.now() - began < 2000, 'they have waited for the engine');
      assert.ok(!(keys.current() instanceof Promise));
    } finally {
      redis.cont();
    }
  });
});
