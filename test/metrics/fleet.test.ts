import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Exposition } from '../../src/metrics/exposition.ts';
import type { FleetReport } from '../../src/fleet/report.ts';
import { sampleFleet, sharedKey } from '../cli/sample-fleet.ts';
import { sampleReport } from '../cli/sample-report.ts';

const exposition = new Exposition('text');

async function samplesOf(fleet: FleetReport | null): Promise<string[]> {
  const tickets = { enabled: true, keys: [sharedKey()] };
  const report = { ...sampleReport(), tickets, fleet };
  const text = await exposition.render({ report, loopDelay: undefined, openFiles: undefined });
  return text.split('\n').filter((line) => /^tlsmgr_(?:fleet|ticket_key_number)/u.test(line));
}

describe('metrics of a fleet', () => {
  test('tell engine, keys, sessions, hosts and clock', async () => {
    const samples = await samplesOf(sampleFleet());
    for (const line of [
      'tlsmgr_ticket_key_number 1250999896491',
      'tlsmgr_fleet_up 1',
      'tlsmgr_fleet_engine_up 1',
      'tlsmgr_fleet_engine_paused{flow="reads"} 0',
      'tlsmgr_fleet_engine_latency_p99_seconds 0.00125',
      'tlsmgr_fleet_engine_requests_total{request="write"} 2500',
      'tlsmgr_fleet_lookups_total{cache="smtp",result="engine"} 2900',
      'tlsmgr_fleet_sessions_total{cache="smtpd",result="not_shared"} 5000',
      'tlsmgr_fleet_held_bytes{cache="smtp",place="near"} 100000',
      'tlsmgr_fleet_not_opened_total{value="session"} 0',
      'tlsmgr_fleet_keys_state{state="sharing"} 1',
      'tlsmgr_fleet_keys_state{state="alone"} 0',
      'tlsmgr_fleet_period 985432',
      'tlsmgr_fleet_exchange_age_seconds 12',
      'tlsmgr_fleet_keys_put_total{kind="made"} 9',
      'tlsmgr_fleet_hosts{state="here"} 1',
      'tlsmgr_fleet_hosts{state="away"} 1',
      'tlsmgr_fleet_clock_difference_seconds -0.5',
    ]) {
      assert.ok(samples.includes(line), `${line}\n${samples.join('\n')}`);
    }
  });

  test('do not grow with the hosts, and name none of them', async () => {
    const many = sampleFleet();
    many.hosts = Array.from({ length: 100 }, (_, index) => ({
      ...many.hosts[0]!,
      host: `mx${index}`,
    }));
    const samples = await samplesOf(many);
    assert.equal(samples.length, (await samplesOf(sampleFleet())).length);
    assert.doesNotMatch(samples.join('\n'), /mx\d/u);
  });

  test('are missing as far as there is nothing to tell', async () => {
    const key = ['tlsmgr_ticket_key_number 1250999896491'];
    assert.deepEqual(await samplesOf(null), key);
    const alone = {
      ...sampleFleet(),
      engine: null,
      keys: null,
      caches: {},
      clockDifferenceMs: null,
    };
    assert.deepEqual(await samplesOf({ ...alone, fault: 'x' }), [
      ...key,
      'tlsmgr_fleet_up 0',
      'tlsmgr_fleet_not_opened_total{value="session"} 0',
    ]);
  });
});
