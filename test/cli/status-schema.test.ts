import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { postfixCacheNames } from '../../src/config/cache-names.ts';
import { patientClient } from '../patient-client.ts';
import { History } from '../../src/report/history.ts';
import type { Report } from '../../src/report/report.ts';
import { Troubles } from '../../src/log/troubles.ts';
import { TestClock } from '../log/scratch.ts';
import { sampleFleet, sharedKey } from './sample-fleet.ts';
import { notBuilt, Standalone } from './standalone.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/status.md'), 'utf8');
const documented = [...page.matchAll(/^\| `([\w.[\]]+)` \| [^|]+ \| [^|]+ \|$/gmu)].map(
  ([, path]) => path!,
);

/** `caches.LABEL.hits`, `tickets.keys[].ageSeconds`: one for each leaf. */
function pathsOf(value: unknown, path: string): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item) => pathsOf(item, `${path}[]`));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([name, member]) =>
      pathsOf(member, path === '' ? name : `${path}.${name}`),
    );
  }
  return [path];
}

function general(path: string, requests: readonly string[]): string {
  const labels = postfixCacheNames.join('|');
  return path
    .replace(/^settings\.\w+/u, 'settings.NAME')
    .replace(new RegExp(`^((?:fleet\\.)?caches)\\.(?:${labels})\\.`, 'u'), '$1.LABEL.')
    .replace(
      new RegExp(`^((?:requests|rates)\\.byName)\\.(?:${requests.join('|')})`, 'u'),
      '$1.NAME',
    );
}

/** What a daemon tells of only after minutes or in trouble, from the parts that tell it. */
function toldLater(): Pick<Report, 'history' | 'log' | 'problems' | 'fleet' | 'tickets'> {
  const clock = new TestClock();
  const history = new History(
    () => ({
      requests: 1,
      byName: {},
      hits: 0,
      misses: 0,
      evicted: { smtpd: 0, smtp: 0, lmtp: 0 },
      accepted: 0,
      serviceTimes: [],
    }),
    clock,
  );
  for (let round = 0; round < 12; round += 1) {
    clock.ms += 5000;
    history.sample();
  }
  const troubles = new Troubles(clock);
  troubles.note('warning', 'text');
  return {
    history: history.report(),
    log: troubles.report(),
    problems: [{ severity: 'error', name: 'cache-off', text: 'text' }],
    fleet: { ...sampleFleet(), warnings: [{ name: 'fleet-clock', text: 'text' }] },
    tickets: { enabled: true, keys: [sharedKey()] },
  };
}

describe('the JSON of status', { skip: notBuilt }, () => {
  const tlsmgr = new Standalone();
  before(() => tlsmgr.start());
  after(async () => {
    await tlsmgr.stop();
    tlsmgr.remove();
  });

  test('has the members that docs/status.md describes, and no others', async () => {
    const client = patientClient(tlsmgr.socket);
    await client.ticketKey();
    void client.close();
    const { out } = await tlsmgr.run('status', '--json', '--socket', tlsmgr.socket);
    const report = JSON.parse(out) as Report;
    assert.equal(report.schemaVersion, 1);
    assert.equal(report.pid, tlsmgr.pid);
    assert.equal(report.mode, 'standalone');
    const requests = Object.keys(report.requests.byName);
    const paths = pathsOf({ ...report, ...toldLater() }, '').map((path) => general(path, requests));
    assert.deepEqual([...new Set(paths)].toSorted(), documented.toSorted());
  });
});
