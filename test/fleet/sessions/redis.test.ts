/** Shared caches over a real redis-server, with the engine and the seals that the daemon has. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { LogLines } from '../../log-lines.ts';
import { readEngineFile } from '../../../src/fleet/engine/engine-file.ts';
import type { Engine } from '../../../src/fleet/engine/engine.ts';
import { openEngine } from '../../../src/fleet/engine/open-engine.ts';
import { sealsOf } from '../../../src/fleet/sealing.ts';
import { FleetCache } from '../../../src/fleet/sessions/fleet-cache.ts';
import { SessionSharing } from '../../../src/fleet/sessions/sharing.ts';
import type { CacheLimits } from '../../../src/sessions/session-cache.ts';
import { type Clock, systemClock } from '../../../src/system/clock.ts';
import { after as afterSeconds } from '../../../src/system/timers.ts';
import {
  lookupText,
  sessionCacheContract,
  span,
  supportsAll,
  TestClock,
} from '../../contracts/session-cache.ts';
import { scratchDirectory } from '../../sessions/scratch.ts';
import { RedisServer, skipWithoutRedis, until } from '../redis-server.ts';
import { localCache, usualLimits } from './fleet-host.ts';

const readLimitMs = 50;
const secret = randomBytes(32);
let scratch: ReturnType<typeof scratchDirectory>;
let server: RedisServer;

interface RealHost {
  cache: FleetCache;
  engine: Engine;
  log: LogLines;
  close: () => void;
}

interface RealHostOptions {
  clock?: Clock;
  limits?: Partial<CacheLimits>;
  /** Hosts with another prefix have nothing in common. */
  prefix?: string;
  queueSizeLimit?: number;
}

async function realHost(options: RealHostOptions = {}): Promise<RealHost> {
  const { clock = systemClock, prefix = 'tlsmgr:', queueSizeLimit = 4_194_304 } = options;
  const limits = { ...usualLimits, ...options.limits };
  const file = join(scratch.path, 'fleet.cf');
  writeFileSync(
    file,
    `servers = ${server.address}\nkey_prefix = ${prefix}\nread_limit_ms = ${readLimitMs}\n`,
  );
  const log = new LogLines();
  const engine = await openEngine(readEngineFile(file), { log, clock: systemClock });
  engine.start();
  await until(() => engine.connection === 'up');
  const sharing = new SessionSharing({
    engine,
    seals: sealsOf([Buffer.from(secret)]),
    clock,
    log,
    caches: ['smtp'],
    sharesTls13: false,
    nearSizeLimit: 16_777_216,
    queueSizeLimit,
    schedule: afterSeconds,
  });
  const cache = sharing.share('smtp', localCache(clock, limits), limits) as FleetCache;
  const close = (): void => {
    cache.closeNow();
    engine.closeNow();
  };
  return { cache, engine, log, close };
}

function written({ cache }: RealHost, count: number): Promise<void> {
  return until(() => cache.report().written >= count);
}

let prefixes = 0;

describe('over a real redis-server', { skip: skipWithoutRedis }, () => {
  before(async () => {
    scratch = scratchDirectory();
    server = await RedisServer.start();
  });

  after(() => {
    server.close();
    scratch.remove();
  });

  sessionCacheContract(
    'shared over a redis-server',
    async (limits) => {
      // The server goes by the clock of this machine.
      const clock = new TestClock();
      clock.wallSeconds = systemClock.nowSeconds();
      prefixes += 1;
      const { cache, close } = await realHost({ clock, limits, prefix: `${prefixes}:` });
      return { cache, clock, end: close };
    },
    { ...supportsAll, exactLimits: false },
  );

  test('one host finds the session of another, and the server holds nothing readable', async () => {
    const [a, b] = [await realHost(), await realHost()];
    await a.cache.update(span('an id that is known'), span('a session that is secret'));
    await written(a, 1);
    assert.equal(await lookupText(b.cache, 'an id that is known'), 'a session that is secret');
    const keys = (await server.command('keys', 'tlsmgr:*')).split('\n');
    assert.equal(keys.length, 1);
    assert.match(keys[0]!, /^tlsmgr:s:smtp:[\w-]{22}$/u);
    const left = Number(await server.command('pttl', keys[0]!));
    assert.ok(left > 110_000 && left <= 120_000, `${left} ms left`);
    const value = await server.command('--raw', 'get', keys[0]!);
    assert.doesNotMatch(value, /known|secret/u);
    assert.equal(b.cache.delete(span('an id that is known')), true);
    await until(async () => (await server.command('keys', 'tlsmgr:*')) === '');
    a.close();
    b.close();
  });

  test('a value that was changed, or is of another id, is a miss', async () => {
    const [a, b] = [await realHost({ prefix: 'x:' }), await realHost({ prefix: 'x:' })];
    await a.cache.update(span('one'), span('session one'));
    await written(a, 1);
    const [one] = (await server.command('keys', 'x:*')).split('\n');
    await a.cache.update(span('two'), span('session two'));
    await written(a, 2);
    const two = (await server.command('keys', 'x:*')).split('\n').find((key) => key !== one)!;
    await server.command('copy', one!, two, 'replace');
    assert.equal(await lookupText(b.cache, 'two'), null);
    await server.command('setrange', one!, '60', 'zz');
    assert.equal(await lookupText(b.cache, 'one'), null);
    assert.equal(b.cache.report().notOpened, 2);
    a.close();
    b.close();
  });

  test('while the server is stopped a look-up is a miss within the limit, and memory is bounded', async () => {
    const limits = { sizeLimitBytes: 10_000_000 };
    const a = await realHost({ prefix: 'stop:', queueSizeLimit: 500_000, limits });
    await a.cache.update(span('known'), span('session'));
    await written(a, 1);
    server.stop();
    try {
      let longestMs = 0;
      let looked = 0;
      const end = performance.now() + 1500;
      const content = Buffer.alloc(2000, 's');
      const clients = Array.from({ length: 64 }, async (_, client) => {
        for (let count = 0; performance.now() < end; count += 1) {
          const startMs = performance.now();
          assert.equal(await a.cache.lookup(span(`unknown ${client} ${count}`)), undefined);
          longestMs = Math.max(longestMs, performance.now() - startMs);
          looked += 1;
          await a.cache.update(span(`new ${client} ${count % 20}`), span(content));
          assert.equal(await lookupText(a.cache, 'known'), 'session');
          assert.ok(a.cache.report().queueBytes <= 500_000);
          await new Promise((resolve) => {
            setTimeout(resolve, 20);
          });
        }
      });
      await Promise.all(clients);
      assert.ok(looked > 500, `${looked} look-ups`);
      // The limit itself, and room for a machine that others use as well.
      assert.ok(longestMs < readLimitMs + 100, `${longestMs} ms`);
      assert.ok(a.cache.report().notAsked > 0);
    } finally {
      server.cont();
    }
    await until(() => a.engine.connection === 'up' && a.engine.reads === 'open');
    await a.cache.update(span('afterwards'), span('session'));
    await until(() => a.cache.report().queueEntries === 0);
    const b = await realHost({ prefix: 'stop:' });
    assert.equal(await lookupText(b.cache, 'afterwards'), 'session');
    a.close();
    b.close();
  });

  test('what was stored while the server was dead is written when it is back', async () => {
    const a = await realHost({ prefix: 'dead:' });
    await server.kill();
    await until(() => a.engine.connection === 'away');
    await a.cache.update(span('id'), span('session'));
    assert.equal(a.cache.lookup(span('other')), undefined, 'at once');
    await server.restart();
    await written(a, 1);
    const b = await realHost({ prefix: 'dead:' });
    assert.equal(await lookupText(b.cache, 'id'), 'session');
    a.close();
    b.close();
  });
});
