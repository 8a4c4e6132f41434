/** Limits on memory: which are found, and what they leave to the caches. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { LogLines } from '../log-lines.ts';
import fc from 'fast-check';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import { fitInto, leastLimitBytes, memoryFor, roomOf } from '../../src/sessions/memory-share.ts';
import { type CacheName, postfixCacheNames } from '../../src/config/cache-names.ts';
import { type MemoryLimit, memoryLimits } from '../../src/system/memory-limits.ts';
import { span, TestClock } from '../contracts/session-cache.ts';
import { smallGeometry } from './log-on-file.ts';
import { named, openScratchCaches, scratchDirectory } from './scratch.ts';

const mebibyte = 1024 * 1024;

const wantedLimits = fc
  .dictionary(
    fc.constantFrom(...postfixCacheNames),
    fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 32 })),
  )
  .map((limits) => new Map(Object.entries(limits)));

describe('sharing memory among the caches', () => {
  test('without a limit each has what it asks for', () => {
    fc.assert(
      fc.property(wantedLimits, (wanted) => {
        assert.deepEqual(fitInto(roomOf([]).bytes, wanted), wanted);
      }),
    );
  });

  test('they fit together, none has more than it asks for, each has something', () => {
    fc.assert(
      fc.property(wantedLimits, fc.integer({ min: 0, max: 2 ** 34 }), (wanted, room) => {
        const inForce = fitInto(room, wanted);
        assert.deepEqual([...inForce.keys()], [...wanted.keys()]);
        let needed = 0;
        let shrunk = 0;
        for (const [label, limit] of inForce) {
          const asked = wanted.get(label)!;
          assert.ok(limit > 0);
          assert.ok(asked === 0 || limit <= asked);
          assert.ok(limit >= Math.min(asked || leastLimitBytes, leastLimitBytes));
          needed += memoryFor(limit);
          shrunk += limit === asked ? 0 : 1;
        }
        // Each may have the least size beyond its share.
        const most = Math.max(room, memoryFor(0) * inForce.size);
        const beyond = (memoryFor(leastLimitBytes) - memoryFor(0)) * inForce.size;
        assert.ok(needed <= most + beyond, `${needed} of ${room}`);
        const all = [...wanted.values()];
        if (!all.includes(0) && all.reduce((sum, one) => sum + memoryFor(one), 0) <= room) {
          assert.equal(shrunk, 0, 'what fits is left alone');
        }
      }),
    );
  });

  test('each gets the same share of what it asks for', () => {
    const wanted = new Map<CacheName, number>([
      ['smtpd', 400 * mebibyte],
      ['smtp', 200 * mebibyte],
    ]);
    const inForce = fitInto(300 * mebibyte, wanted);
    assert.ok(Math.abs(inForce.get('smtpd')! - 2 * inForce.get('smtp')!) <= 2);
  });

  test('the limit that leaves least counts; a group with others is half ours', () => {
    const limit: MemoryLimit = {
      name: 'x',
      bytes: 500 * mebibyte,
      usedBytes: 52 * mebibyte,
      shared: false,
      kind: 'memory',
    };
    assert.equal(roomOf([limit]).bytes, 400 * mebibyte);
    const shared = { ...limit, shared: true };
    assert.deepEqual(roomOf([limit, shared]), { bytes: 200 * mebibyte, limit: shared });
    assert.equal(roomOf([{ ...limit, bytes: 1 }]).bytes, 0);
  });

  test('is said once, and again when main.cf changes it', async () => {
    const scratch = scratchDirectory();
    const log = new LogLines();
    const limit: MemoryLimit = {
      name: 'memory.max of /x',
      bytes: 200 * mebibyte,
      usedBytes: 52 * mebibyte,
      shared: false,
      kind: 'memory',
    };
    const caches = openScratchCaches({
      directory: scratch.path,
      clock: new TestClock(),
      log,
      room: roomOf([limit]),
      caches: { smtp: { database: 'internal:' }, lmtp: { database: 'internal:' } },
    });
    const { sizeLimitBytes } = named(caches, 'smtp').cache!.statistics();
    assert.ok(sizeLimitBytes < 100 * mebibyte);
    assert.deepEqual(log.lines, [
      `warning: memory is limited to ${200 * mebibyte} bytes (memory.max of /x): session caches go by ` +
        `smtp_tls_session_cache_size_limit = ${sizeLimitBytes}, lmtp_tls_session_cache_size_limit = ${sizeLimitBytes}`,
    ]);
    caches.closeNow();
    scratch.remove();
  });

  test('a log that the system gives no more memory makes do with what it has', (t) => {
    const settings = { lifetimeSeconds: 120, sizeLimitBytes: 0, entryLimit: 0, ...smallGeometry };
    const log = new CircularLog(settings, { clock: new TestClock() });
    const store = (from: number, to: number): void => {
      for (let number = from; number < to; number += 1) {
        log.update(span(`id ${number}`), span(Buffer.alloc(1000)));
      }
    };
    store(0, 10);
    const { entries } = log.statistics();
    const failing = t.mock.method(Buffer, 'allocUnsafeSlow', () => {
      throw new RangeError('Array buffer allocation failed');
    });
    store(10, 200);
    assert.ok(failing.mock.callCount() <= 2, 'it does not try again and again');
    failing.mock.restore();
    assert.ok(Math.abs(log.statistics().entries - entries) <= 2);
    assert.notEqual(log.lookup(span('id 199')), undefined);
    assert.equal(log.statistics().evicted, 200 - log.statistics().entries);
    log.closeNow();
  });
});

describe('finding limits on memory', () => {
  function limitsOf(files: Record<string, string>): MemoryLimit[] {
    const scratch = scratchDirectory();
    const all = {
      '/proc/self/status': 'VmSize:\t  900000 kB\nRssAnon:\t   40000 kB\nVmData:\t 100000 kB\n',
      ...files,
    };
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(scratch.path, path)), { recursive: true });
      writeFileSync(join(scratch.path, path), text);
    }
    const limits = memoryLimits(scratch.path);
    scratch.remove();
    return limits;
  }
  const mountinfo = (lines: string): Record<string, string> => ({ '/proc/self/mountinfo': lines });
  const second = mountinfo('25 1 0:2 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n');

  test('none where there are none', () => {
    assert.deepEqual(limitsOf({}), []);
    const none = {
      '/proc/self/limits': 'Max address space         unlimited   unlimited  bytes\n',
    };
    const max = { '/proc/self/cgroup': '0::/x\n', '/sys/fs/cgroup/x/memory.max': 'max\n' };
    assert.deepEqual(limitsOf({ ...none, ...second, ...max }), []);
  });

  test('of a group of version 2 and of those above it', () => {
    const limits = limitsOf({
      ...second,
      '/proc/self/cgroup': '0::/system.slice/postfix.service\n',
      '/sys/fs/cgroup/system.slice/memory.max': '900000000\n',
      '/sys/fs/cgroup/system.slice/postfix.service/memory.max': 'max\n',
      '/sys/fs/cgroup/system.slice/postfix.service/memory.high': '500000000\n',
      '/sys/fs/cgroup/system.slice/postfix.service/cgroup.procs': '1\n2\n',
    });
    assert.deepEqual(
      limits.map(({ name, bytes, shared, usedBytes }) => [name, bytes, shared, usedBytes]),
      [
        [
          'memory.high of /sys/fs/cgroup/system.slice/postfix.service',
          500_000_000,
          true,
          40_960_000,
        ],
        ['memory.max of /sys/fs/cgroup/system.slice', 900_000_000, true, 40_960_000],
      ],
    );
  });

  test('of a group of its own, of version 1, seen from a container', () => {
    const limits = limitsOf({
      ...mountinfo(
        '31 1 0:3 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n' +
          '32 1 0:4 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
      ),
      '/proc/self/cgroup': '5:memory:/docker/abc\n4:cpu:/y\n0::/\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '200000000\n',
      '/sys/fs/cgroup/memory/cgroup.procs': '1\n',
    });
    assert.deepEqual(
      limits.map(({ name, bytes, shared }) => [name, bytes, shared]),
      [['memory.limit_in_bytes of /sys/fs/cgroup/memory', 200_000_000, false]],
    );
    const unlimited = '9223372036854771712\n';
    assert.deepEqual(
      limitsOf({
        ...mountinfo('32 1 0:4 / /cg rw - cgroup cgroup rw,memory\n'),
        '/proc/self/cgroup': '5:memory:/\n',
        '/cg/memory.limit_in_bytes': unlimited,
      }),
      [],
    );
  });

  test('of setrlimit(2)', () => {
    const limits = limitsOf({
      '/proc/self/limits':
        'Limit                     Soft Limit           Hard Limit           Units\n' +
        'Max data size             400000000            unlimited            bytes\n' +
        'Max address space         2000000000           2000000000           bytes\n',
    });
    assert.deepEqual(
      limits.map(({ name, bytes, usedBytes }) => [name, bytes, usedBytes]),
      [
        ['RLIMIT_AS', 2_000_000_000, 921_600_000],
        ['RLIMIT_DATA', 400_000_000, 102_400_000],
      ],
    );
  });
});
