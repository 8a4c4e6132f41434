/**
 * Sessions of three real mail hosts, offered to each other one. What has to be the
 * same on all hosts is: the smtpd service's name here, as ids and some tickets hold it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { patientClient } from '../../patient-client.ts';
import { poll } from '../../postfix/poll.ts';
import { handshake, type Kind, kinds } from './handshakes.ts';
import { HostFleet, usualKeySet } from './host-fleet.ts';
import { lifetimeWithTurnIn } from './periods.ts';
import { beginSessions, measurePairs, offerToOthers, summaryOf } from './resumption.ts';
import { runsHere, skipWithoutHosts } from './where.ts';

const all = [0, 1, 2];
const tickets: readonly Kind[] = ['ticket, TLS 1.2', 'TLS 1.3'];

if (runsHere(import.meta.filename)) {
  describe('sessions of three mail hosts', { skip: skipWithoutHosts }, () => {
    let fleet: HostFleet;

    before(async () => {
      fleet = await HostFleet.start();
    });
    after(() => fleet?.stop());

    async function requirePairs(kind: Kind, expected: string): Promise<void> {
      assert.equal(summaryOf(await measurePairs(fleet, kind)), expected, logs());
    }

    function logs(): string {
      return fleet.hosts.map((host) => host.log()).join('\n');
    }

    for (const kind of kinds) {
      test(`${kind}: each host resumes what another has begun`, async () => {
        await requirePairs(kind, '6 of 6');
      });
    }

    test('postfix reload of one host loses no session and no ticket', async () => {
      for (const kind of kinds) {
        const sessions = await beginSessions(fleet, kind);
        await fleet.reload([1]);
        assert.equal(summaryOf(await offerToOthers(fleet, kind, sessions)), '6 of 6', logs());
        const own = await handshake(fleet.hosts[1]!, kind, sessions[1]);
        assert.ok(own.resumed, kind);
      }
    });

    test('TLS 1.3 without tickets: by ids', async () => {
      await fleet.change(all, { tls_ssl_options: 'no_ticket' });
      await requirePairs('TLS 1.3', '6 of 6');
      await fleet.change(all, { tls_ssl_options: '' });
    });

    test('tickets of a period are resumed after its end, when another key seals', async () => {
      const { sessions, keyName, period } = await beginBeforeTurn();
      await poll('the next period', async () => (await periodOf(0)) === period + 1, {
        limitMs: 120_000,
      });
      for (const [kind, begun] of sessions) {
        assert.equal(summaryOf(await offerToOthers(fleet, kind, begun)), '6 of 6', logs());
        await requirePairs(kind, '6 of 6');
      }
      assert.notDeepEqual(await sealingKeyName(1), keyName);
    });

    /** A period may end meanwhile on a busy machine: then it isn't yet what the test needs. */
    async function beginBeforeTurn(): Promise<{
      sessions: Map<Kind, Buffer[]>;
      keyName: Buffer;
      period: number;
    }> {
      for (;;) {
        const lifetime = lifetimeWithTurnIn(12);
        await fleet.putOldKeys(lifetime);
        await fleet.change(all, { smtpd_tls_session_cache_timeout: `${lifetime}s` });
        const period = await periodOf(0);
        const sessions = new Map<Kind, Buffer[]>();
        for (const kind of tickets) {
          sessions.set(kind, await beginSessions(fleet, kind));
        }
        const keyName = await sealingKeyName(1);
        if ((await periodOf(0)) === period) {
          return { sessions, keyName, period };
        }
      }
    }

    async function periodOf(index: number): Promise<number> {
      return (await fleet.report(index))!.keys!.period;
    }

    async function sealingKeyName(index: number): Promise<Buffer> {
      const client = patientClient(fleet.hosts[index]!.socketPath);
      try {
        const key = await client.ticketKey();
        return Buffer.from(key!.subarray(0, 16));
      } finally {
        await client.close();
      }
    }

    test('hosts with another key set open none of the tickets', async () => {
      const lifetime = 3600;
      await fleet.putOldKeys(lifetime, usualKeySet);
      await fleet.putOldKeys(lifetime, 'other');
      await fleet.change([0, 1], { smtpd_tls_session_cache_timeout: `${lifetime}s` });
      await fleet.change([2], {
        smtpd_tls_session_cache_timeout: `${lifetime}s`,
        tlsmgr_fleet_key_set: 'other',
      });
      for (const kind of tickets) {
        const counts = await measurePairs(fleet, kind);
        const resuming = counts.filter(({ resumed }) => resumed > 0);
        assert.deepEqual(
          resuming.map(({ from, to }) => `${from} ${to}`),
          ['host-a host-b', 'host-b host-a'],
          kind,
        );
      }
    });

    test('derived keys need no engine, and outlive a reload of all hosts', async () => {
      await fleet.change(all, {
        tlsmgr_ticket_keys: 'derived',
        tlsmgr_fleet_engine: '',
        tlsmgr_fleet_key_set: usualKeySet,
      });
      for (const kind of tickets) {
        const sessions = await beginSessions(fleet, kind);
        assert.equal(summaryOf(await offerToOthers(fleet, kind, sessions)), '6 of 6', logs());
        await fleet.reload(all);
        assert.equal(summaryOf(await offerToOthers(fleet, kind, sessions)), '6 of 6', logs());
      }
      await requirePairs('id, TLS 1.2', '0 of 6');
    });

    test('hosts with keys of their own resume nothing of each other', async () => {
      await fleet.change(all, { tlsmgr_ticket_keys: 'local' });
      for (const kind of kinds) {
        await requirePairs(kind, '0 of 6');
      }
    });

    test('nobody has complained, but for what was made to differ', () => {
      assert.deepEqual(fleet.complaints(), []);
    });
  });
}
