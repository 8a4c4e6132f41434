/**
 * An engine that comes back with what it held an hour ago: two periods of ticket keys,
 * so that it lacks those of the next two, and all sessions that are newer.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { poll } from '../../postfix/poll.ts';
import type { EngineFault } from './engine-faults.ts';
import { measureFault } from './fault-measure.ts';
import { handshake } from './handshakes.ts';
import { HostFleet } from './host-fleet.ts';
import { runsHere, skipWithoutHosts } from './where.ts';

const id = 'id, TLS 1.2';
const ticket = 'TLS 1.3';

if (runsHere(import.meta.filename)) {
  describe('an engine that comes back with an old dump', { skip: skipWithoutHosts }, () => {
    let fleet: HostFleet;

    before(async () => {
      fleet = await HostFleet.start({ hosts: 2 });
    });
    after(() => fleet?.stop());

    /** The sets of the next two periods, which an engine of an hour ago doesn't have. */
    async function newerSets(): Promise<string[]> {
      const sets = (await fleet.redis.command('KEYS', 'tlsmgr:k:*')).split('\n');
      const periodOf = (set: string): number => Number(set.split(':').at(-1));
      return sets.toSorted((one, other) => periodOf(one) - periodOf(other)).slice(-2);
    }

    async function namesIn(sets: readonly string[]): Promise<string[]> {
      return await Promise.all(sets.map((set) => fleet.redis.command('HKEYS', set)));
    }

    /** What the engine holds, without these sets. */
    async function dumpWithout(sets: readonly string[]): Promise<Buffer> {
      const { redis } = fleet;
      for (;;) {
        await redis.command('UNLINK', ...sets);
        await redis.command('SAVE');
        // A host may have put them back before the dump was written.
        if ((await redis.command('EXISTS', ...sets)) === '0') {
          return readFileSync(join(redis.folder, 'dump.rdb'));
        }
      }
    }

    test('mail goes on, tickets too, and the keys that it lacks are put back', async () => {
      const [first, second] = fleet.hosts;
      const sets = await newerSets();
      const names = await namesIn(sets);
      assert.equal(names.length, 2);
      const older = await handshake(first!, id);
      await fleet.written(0);
      const dump = await dumpWithout(sets);
      const newer = await handshake(first!, id);
      const sealed = await handshake(first!, ticket);
      await fleet.written(0);

      const fault: EngineFault = {
        name: 'an old dump',
        strike: ({ redis }) => redis.kill(),
        mend: async ({ redis }) => {
          writeFileSync(join(redis.folder, 'dump.rdb'), dump);
          await redis.restart();
        },
        begins: /warning: fleet: engine \S+ is away \(.+\)$/u,
        ends: /tlsmgr\[\d+\]: fleet: engine \S+ is back after \d/u,
      };
      const result = await measureFault(fleet, fault, 0);
      const logs = fleet.hosts.map((host) => host.log()).join('\n');
      assert.deepEqual(result.failed, [], logs);
      assert.deepEqual([...result.begun, ...result.ended], [1, 1, 1, 1], logs);

      await poll('the keys to be put back', async () => {
        const there = await namesIn(sets);
        return there.every((text, index) => text.includes(names[index]!));
      });
      const putBack = /fleet: \d+ ticket keys? put back/u;
      await poll('a host to say so', () =>
        fleet.hosts.some((host) => host.logLines(putBack).length > 0),
      );
      assert.ok((await handshake(second!, id, older.session)).resumed, 'it is in the dump');
      assert.ok(!(await handshake(second!, id, newer.session)).resumed, 'it is not in the dump');
      assert.ok((await handshake(second!, ticket, sealed.session)).resumed);
      assert.ok((await handshake(first!, id, newer.session)).resumed, 'its own cache has it');
    });
  });
}
