/**
 * Each fault of an engine while clients come and go at two real mail hosts: no
 * handshake fails, none waits long, the log tells it once, and hosts share again by
 * themselves. Exact figures are measured by bench/fleet/failures.ts.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { poll } from '../../postfix/poll.ts';
import { tlsmgrUnderTest } from '../../postfix/under-test.ts';
import { engineFaults } from './engine-faults.ts';
import { skipWithoutFalseClock, tlsmgrWithClock } from './false-clock.ts';
import { measureFault } from './fault-measure.ts';
import { kinds } from './handshakes.ts';
import { HostFleet, usualKeySet } from './host-fleet.ts';
import { measurePairs, summaryOf } from './resumption.ts';
import { runsHere, skipWithoutHosts } from './where.ts';

/** Generous, for a machine that does much else: the promise is 60 ms. */
const longestLookupMs = 1000;
const longestBackSeconds = 20;
const mostGrownMegabytes = 30;

if (runsHere(import.meta.filename)) {
  describe('two mail hosts and an engine', { skip: skipWithoutHosts }, () => {
    let fleet: HostFleet;

    before(async () => {
      fleet = await HostFleet.start({ hosts: 2 });
    });
    after(() => fleet?.stop());

    for (const fault of engineFaults) {
      test(`${fault.name}: mail goes on, and hosts share again`, async () => {
        const result = await measureFault(fleet, fault, 1000);
        const logs = fleet.hosts.map((host) => host.log()).join('\n');
        assert.deepEqual(result.failed, [], logs);
        assert.ok(result.handshakes > 0 && result.lookups > 0);
        assert.ok(result.longestLookupMs < longestLookupMs, `${result.longestLookupMs} ms`);
        assert.ok(result.backAfterSeconds < longestBackSeconds, `${result.backAfterSeconds} s`);
        assert.ok(result.grownMegabytes < mostGrownMegabytes, `${result.grownMegabytes} MB`);
        if (fault.finds !== undefined) {
          assert.equal(result.foundMeanwhile, fault.finds, logs);
        }
        for (const count of [...result.begun, ...result.ended]) {
          assert.equal(count, 1, logs);
        }
      });
    }

    test('tickets have gone on all the while', async () => {
      for (const kind of kinds) {
        assert.equal(summaryOf(await measurePairs(fleet, kind)), '2 of 2', kind);
      }
    });

    test('ticket keys that the engine has lost are put back', async () => {
      const { period, periodSeconds } = (await fleet.report(0))!.keys!;
      const hash = `tlsmgr:k:${usualKeySet}:${periodSeconds}:${period}`;
      await poll(
        'the keys to be put back',
        async () => Number(await fleet.redis.command('HLEN', hash)) > 0,
        { limitMs: 90_000 },
      );
      const putBack = /fleet: \d+ ticket keys? put back/u;
      assert.ok(fleet.hosts.some((host) => host.logLines(putBack).length > 0));
    });
  });

  describe('a mail host with another session lifetime', { skip: skipWithoutHosts }, () => {
    let fleet: HostFleet;

    before(async () => {
      fleet = await HostFleet.start({ hosts: 2 });
    });
    after(() => fleet?.stop());

    test('says so, and shares no ticket', async () => {
      await poll('the heartbeats of both', async () => {
        return (await fleet.redis.command('hlen', 'tlsmgr:h')) === '2';
      });
      await fleet.putOldKeys(7200);
      await fleet.change([1], { smtpd_tls_session_cache_timeout: '7200s' });
      const differs =
        /warning: fleet: host-a has smtpd_tls_session_cache_timeout 3600s, here 7200s/u;
      await fleet.hosts[1]!.waitForLog(differs);
      assert.equal(summaryOf(await measurePairs(fleet, 'TLS 1.3')), '0 of 2');
    });
  });

  const skip = skipWithoutHosts || skipWithoutFalseClock;

  describe('a mail host whose clock is 74 s ahead', { skip }, () => {
    let fleet: HostFleet;

    before(async () => {
      fleet = await HostFleet.start({
        hosts: 2,
        tlsmgr: (index) => (index === 0 ? tlsmgrUnderTest : tlsmgrWithClock('+74s')),
      });
    });
    after(() => fleet?.stop());

    test('says so, and shares', async () => {
      const ahead = /warning: fleet: clock is 7[345]s ahead of the engine's/u;
      await fleet.hosts[1]!.waitForLog(ahead);
      assert.deepEqual(fleet.hosts[0]!.logLines(/fleet: clock/u), []);
      for (const kind of kinds) {
        assert.equal(summaryOf(await measurePairs(fleet, kind)), '2 of 2', kind);
      }
    });
  });
}
