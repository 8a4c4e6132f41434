/** A real client at a real service that answers later than the client usually waits. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TlsmgrClient } from '../../src/client/index.ts';
import { shareSessions } from '../../src/tls/index.ts';
import { startService, type TestService } from '../socket/harness.ts';
import { chain, portOf, startServer } from './handshakes.ts';

const deadlineMs = 50;
const delayMs = 200;

describe('a tlsmgr slower than the deadline of the client', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-slow-'));
  const path = join(folder, 'socket');
  let service: TestService;
  const slow = createServer((near) => {
    const far = connect(service.path);
    near.on('data', (chunk) => {
      setTimeout(() => far.write(chunk), delayMs);
    });
    far.pipe(near);
    near.on('close', () => far.destroy()).on('error', () => {});
    far.on('error', () => near.destroy());
  });
  before(async () => {
    service = await startService({ publicInterfacesOnly: false });
    slow.listen(path);
    await once(slow, 'listening');
  });
  after(() => {
    slow.close();
    service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is waited for when keys are fetched, as no handshake waits', async () => {
    await using client = new TlsmgrClient({ socketPath: path, deadlineMs });
    const server = await startServer();
    await using sharing = shareSessions(server, client, { scope: 'web' });
    const ports = [portOf(server), portOf(server)];
    assert.deepEqual([sharing.state, await chain(ports, 'TLSv1.3')], ['waiting', [false, true]]);
    await sharing.ready;
    assert.deepEqual([sharing.state, sharing.stats().failed], ['sealing', 0]);
    assert.deepEqual(await chain(ports, 'TLSv1.3'), [false, true]);
    server.close();
  });
});
