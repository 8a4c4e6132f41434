/** Workers of a cluster, each with a client of its own at one real service. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { startService, type TestService } from '../socket/harness.ts';
import { chain, versions } from './handshakes.ts';

const child = fileURLToPath(new URL('./cluster-child.ts', import.meta.url));

describe('workers of a cluster', () => {
  let service: TestService;
  before(async () => {
    service = await startService({ publicInterfacesOnly: false });
  });
  after(() => service.stop());

  // `none`: Node alone, whose primary hands on the keys of the worker that listened first.
  for (const keys of ['ring', 'single', 'none']) {
    test(`${keys}: resume each other's sessions, also one that had keys before it listened`, async () => {
      const primary = fork(child, [service.path, keys], { execArgv: ['--import', 'tsx'] });
      try {
        const [port] = (await once(primary, 'message')) as [number];
        for (const version of versions) {
          // Connections go to the workers in turns.
          const resumed = await chain([port, port, port, port, port, port], version);
          assert.deepEqual(resumed, [false, true, true, true, true, true]);
        }
      } finally {
        primary.disconnect();
        await once(primary, 'exit');
      }
    });
  }
});
