/** Whose port it is that tlsmgr_metrics_listen names. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { metricsPortFindings } from '../../src/cli/check/metrics-port.ts';
import type { Config } from '../../src/config/config.ts';

/** What check says of a server that answers so. */
async function told(answer: (socket: Socket) => void, pid?: number): Promise<string[]> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => answer(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    return await ask(port, pid);
  } finally {
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
  }
}

async function ask(port: number, pid?: number): Promise<string[]> {
  const metricsListen = { kind: 'tcp', host: '127.0.0.1', port } as const;
  const config = { metricsListen, configDirectory: '/etc/postfix' } as Config;
  const found = await metricsPortFindings(config, pid);
  return found.map(({ severity, name, text }) => {
    return `${severity} ${name} ${/: ((?:another|the tlsmgr).*?) listens/u.exec(text)?.[1]}`;
  });
}

const report = (pid: number, configDirectory?: string): ((socket: Socket) => void) => {
  const body = JSON.stringify({ pid, serviceName: 'tlsmgr', configDirectory });
  return (socket) =>
    void socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
};
const stranger = ['warning metrics-port-taken another program'];

describe('what listens at tlsmgr_metrics_listen', () => {
  test('is the daemon that serves, or nobody: no finding', async () => {
    assert.deepEqual(await told(report(7), 7), []);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    assert.deepEqual(await ask(port, 7), []);
  });

  test('is another tlsmgr, or another program', async () => {
    assert.deepEqual(await told(report(8), 7), [
      'warning metrics-port-taken the tlsmgr of process 8',
    ]);
    const page = (socket: Socket): void => void socket.end('HTTP/1.1 404 No\r\n\r\nno');
    assert.deepEqual(await told(page, 7), stranger);
    assert.deepEqual(await told((socket) => void socket.end('220 mail\r\n')), stranger);
  });

  test('is the one of the same main.cf, where only root finds the process that serves', async () => {
    assert.deepEqual(await told(report(7, '/etc/postfix')), []);
    assert.deepEqual(await told(report(7, '/etc/postfix-out')), [
      'warning metrics-port-taken the tlsmgr of process 7',
    ]);
  });

  test('what listens and says nothing, or too much, is another program', async () => {
    const endless = (socket: Socket): void => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      // Until the socket is destroyed: a write fails then.
      const more = (error?: Error | null): void => {
        if (error === undefined || error === null) {
          socket.write(Buffer.alloc(1024 * 1024, 'x'), more);
        }
      };
      more();
    };
    const found = await Promise.all([told(() => undefined, 7), told(endless, 7)]);
    assert.deepEqual(found, [stranger, stranger]);
  });
});
