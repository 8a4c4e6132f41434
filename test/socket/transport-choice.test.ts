/** tlsmgr_transport, with the daemon itself. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { patientClient } from '../patient-client.ts';
import type { Report } from '../../src/report/report.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';
import { get } from '../metrics/http-client.ts';

/** What a Node.js would be like that no longer lends its handles. */
const withoutHandles = '--import=data:text/javascript,process.binding=undefined';

const warning =
  /warning: tlsmgr_transport = handle: the handles of Node\.js v[\d.]+ aren't as expected/gu;

describe('tlsmgr_transport', { skip: notBuilt }, () => {
  let tlsmgr: Standalone;
  beforeEach(() => {
    tlsmgr = new Standalone();
  });
  afterEach(async () => {
    await tlsmgr.stop();
    tlsmgr.remove();
  });

  const cases = [
    { wanted: 'auto', handles: true, serves: 'handle', warnings: 0 },
    { wanted: 'auto', handles: false, serves: 'socket', warnings: 0 },
    { wanted: 'handle', handles: true, serves: 'handle', warnings: 0 },
    { wanted: 'handle', handles: false, serves: 'socket', warnings: 1 },
    { wanted: 'socket', handles: true, serves: 'socket', warnings: 0 },
  ] as const;
  for (const { wanted, handles, serves, warnings } of cases) {
    test(`${wanted}, ${handles ? 'handles as expected' : 'no such handles'}: ${serves} serves`, async () => {
      if (!handles) {
        tlsmgr.environment = { ...process.env, NODE_OPTIONS: withoutHandles };
      }
      const socketPath = join(tlsmgr.folder, 'metrics.sock');
      await tlsmgr.start(
        '-o',
        `tlsmgr_transport=${wanted}`,
        '-o',
        `tlsmgr_metrics_listen=${socketPath}`,
      );

      const client = patientClient(tlsmgr.socket);
      assert.equal((await client.seed(32)).length, 32);
      void client.close();
      const { out: json } = await tlsmgr.run('status', '--json');
      assert.equal((JSON.parse(json) as Report).connections.transport, serves);
      const { out: screen } = await tlsmgr.run('status');
      assert.match(screen, new RegExp(`^connections .* ${serves} transport`, 'mu'));
      const { body } = await get({ socketPath }, '/metrics');
      assert.match(body, new RegExp(`^tlsmgr_transport_info\\{transport="${serves}"\\} 1$`, 'mu'));
      assert.equal([...tlsmgr.said.matchAll(warning)].length, warnings);
    });
  }

  test('another word is refused by name', async () => {
    await assert.rejects(
      tlsmgr.start('-o', 'tlsmgr_transport=fast'),
      /fatal: file .*parameter tlsmgr_transport: bad parameter value: fast/u,
    );
  });
});
