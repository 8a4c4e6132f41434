/** The secret of a fleet, replaced host by host while clients come back all the time. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { kinds } from './handshakes.ts';
import { HostFleet, newSecret } from './host-fleet.ts';
import { beginSessions, measurePairs, offerToOthers, summaryOf } from './resumption.ts';
import { runsHere, skipWithoutHosts } from './where.ts';

if (runsHere(import.meta.filename)) {
  describe('another secret for three mail hosts', { skip: skipWithoutHosts }, () => {
    let fleet: HostFleet;
    const oldSecret = newSecret();
    const freshSecret = newSecret();

    before(async () => {
      fleet = await HostFleet.start({ secret: oldSecret });
    });
    after(() => fleet?.stop());

    test('no session and no ticket is lost at any step', async () => {
      const begun = new Map<(typeof kinds)[number], Buffer[]>();
      for (const kind of kinds) {
        begun.set(kind, await beginSessions(fleet, kind));
      }
      const steps = [
        [oldSecret, freshSecret],
        [freshSecret, oldSecret],
      ];
      for (const [step, secrets] of steps.entries()) {
        for (const index of fleet.hosts.keys()) {
          fleet.writeSecrets(index, secrets);
          await fleet.reload([index]);
          for (const kind of kinds) {
            const where = `step ${step + 1}, host ${index}, ${kind}`;
            const sessions = begun.get(kind)!;
            assert.equal(summaryOf(await offerToOthers(fleet, kind, sessions)), '6 of 6', where);
            assert.equal(summaryOf(await measurePairs(fleet, kind)), '6 of 6', where);
          }
        }
      }
      assert.deepEqual(fleet.complaints(), []);
    });
  });
}
