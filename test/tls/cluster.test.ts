/** Workers of a cluster, each with a client of its own at one real service. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { startService, type TestService } from '../socket/harness.ts';
import { chain, type Version, versions, visit } from './handshakes.ts';
import type { Order, Ports } from './restarting-cluster-child.ts';

const child = fileURLToPath(new URL('./cluster-child.ts', import.meta.url));
const restarting = fileURLToPath(new URL('./restarting-cluster-child.ts', import.meta.url));

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

  test('restarted one by one, all at once, and with a new certificate: what Node, ticketKeys and ids give', async () => {
    const primary = fork(restarting, [service.path], { execArgv: ['--import', 'tsx'] });
    const told = async (order?: Order): Promise<Ports> => {
      if (order !== undefined) {
        primary.send(order);
      }
      const [ports] = (await once(primary, 'message')) as [Ports];
      return ports;
    };
    try {
      const ports = await told();
      const ways: [keyof Ports, Version][] = [
        ['plain', 'TLSv1.2'],
        ['plain', 'TLSv1.3'],
        ['ticketKeys', 'TLSv1.2'],
        ['ticketKeys', 'TLSv1.3'],
        ['ids', 'TLSv1.2'],
      ];
      const sessions = new Map<string, Buffer>();
      /** Two visits each, one at each worker, the first with what came before. */
      const visits = async (): Promise<Record<string, boolean[]>> => {
        const resumed: Record<string, boolean[]> = {};
        for (const [way, version] of ways) {
          const name = `${way} ${version}`;
          resumed[name] = [];
          for (const _ of [1, 2]) {
            const got = await visit(ports[way], version, sessions.get(name));
            sessions.set(name, got.session!);
            resumed[name].push(got.resumed);
          }
        }
        return resumed;
      };
      const expected = (plain: boolean[], others: boolean[]): Record<string, boolean[]> =>
        Object.fromEntries(
          ways.map(([way, version]) => [`${way} ${version}`, way === 'plain' ? plain : others]),
        );
      const [all, none] = [
        [true, true],
        [false, false],
      ];
      assert.deepEqual(await visits(), expected([false, true], [false, true]));
      await told('restart one');
      assert.deepEqual(await visits(), expected(all, all));
      await told('restart all');
      assert.deepEqual(await visits(), expected([false, true], all));
      await told('renew');
      assert.deepEqual(await visits(), expected(none, all));
    } finally {
      primary.disconnect();
      await once(primary, 'exit');
    }
  });
});
