/** Sessions of Postfix's own client: what one host has begun is resumed by another. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PostfixInstance } from '../../postfix/instance.ts';
import { sendMail } from '../../postfix/smtp-client.ts';
import { sent, startElsewhere, toElsewhere } from './elsewhere.ts';
import { HostFleet } from './host-fleet.ts';
import { runsHere, skipWithoutHosts } from './where.ts';

const reusing = /smtp\[\d+\]: .*Reusing old session/u;

if (runsHere(import.meta.filename)) {
  describe('deliveries of two mail hosts to a third party', { skip: skipWithoutHosts }, () => {
    let fleet: HostFleet;
    let elsewhere: PostfixInstance;

    before(async () => {
      elsewhere = await startElsewhere();
      fleet = await HostFleet.start({
        hosts: 2,
        mainCf: { ...toElsewhere, smtp_tls_loglevel: '2' },
      });
    });
    after(async () => {
      elsewhere?.cleanup();
      await fleet?.stop();
    });

    /** @returns whether the session was resumed. */
    async function deliver(index: number): Promise<boolean> {
      const host = fleet.hosts[index]!;
      const earlier = { sent: host.logLines(sent).length, reusing: host.logLines(reusing).length };
      await sendMail(host.port, 'somebody@elsewhere.example', 'Mail', host.address);
      await host.waitForLog(sent, earlier.sent + 1);
      await fleet.written(index);
      return host.logLines(reusing).length > earlier.reusing;
    }

    test('a session of the first is resumed by the second, and the other way round', async () => {
      assert.ok(!(await deliver(0)), 'the first delivery has nothing to resume');
      assert.ok(await deliver(1), fleet.hosts[1]!.log());
      // Each has it by now.
      assert.ok(await deliver(0), fleet.hosts[0]!.log());
    });

    test('a host that is new to all this resumes at once', async () => {
      await fleet.reload([1]);
      assert.ok(await deliver(1), fleet.hosts[1]!.log());
    });

    test("a cache that main.cf leaves out stays a host's own", async () => {
      await fleet.change([1], { tlsmgr_fleet_caches: 'smtpd' });
      assert.ok(!(await deliver(1)), fleet.hosts[1]!.log());
      assert.ok(await deliver(1), fleet.hosts[1]!.log());
    });

    test('nobody has complained', () => {
      assert.deepEqual(fleet.complaints(), []);
    });
  });
}
