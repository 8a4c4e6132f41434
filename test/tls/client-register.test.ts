/** `node --import tlsmgr/register`: programs that know nothing of it resume. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { ScriptedServer } from '../client/scripted-server.ts';
import type { Authority } from './authority.ts';
import { type Counting, http2Server, httpsServer, smtpServer } from './client-servers.ts';
import { authority } from './client-visits.ts';

const here = import.meta.dirname;
const register = join(here, '../../src/tls/register.ts');
const visitor = join(here, 'client-visitor-child.ts');

let local: Authority;
let folder: string;
let tlsmgr: ScriptedServer;
/** What tlsmgr holds. */
const stored = new Map<string, string>();

before(async () => {
  local = await authority('localhost');
  folder = mkdtempSync(join(tmpdir(), 'tlsmgr-register-'));
  writeFileSync(join(folder, 'ca.pem'), local.ca);
  tlsmgr = await ScriptedServer.start({
    asked: ({ name, words, reply }) => {
      const [id, session] = [words[words.indexOf('cache_id') + 1]!, words.at(-1)!];
      if (name === 'update') {
        stored.set(id, session);
        reply('status', '0');
      } else if (name === 'delete') {
        reply('status', stored.delete(id) ? '0' : '-1');
      } else if (stored.has(id)) {
        reply('status', '0', 'session', stored.get(id)!);
      } else {
        reply('status', '-1', 'session', '');
      }
    },
  });
});
after(async () => {
  await tlsmgr.stop();
  rmSync(folder, { recursive: true });
});

const servers: Counting[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

function opened(server: Counting): Counting {
  servers.push(server);
  return server;
}

interface Ran {
  status: number | null;
  err: string;
}

function run(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const child = spawn(process.execPath, ['--import', 'tsx', ...words], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'), CA: local.ca, ...env },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (err += text));
  return new Promise((resolve) => {
    child.once('close', (status) => resolve({ status, err }));
  });
}

/** @returns of the connections of one process, which were resumed. */
async function visits(
  server: Counting,
  kind: string,
  times: number,
  env?: NodeJS.ProcessEnv,
): Promise<boolean[]> {
  server.resumed.length = 0;
  const words = env === undefined ? [] : ['--import', register];
  const { status, err } = await run([...words, visitor, kind, `${server.port}`, `${times}`], env);
  assert.equal(status, 0, err);
  assert.equal(err, '');
  return [...server.resumed];
}

const with4 = [false, true, true, true, true];

const kinds: Record<string, { serve: () => Promise<Counting>; without: number | undefined }> = {
  'node:tls': { serve: () => httpsServer(local), without: 0 },
  https: { serve: () => httpsServer(local), without: 4 },
  // 0 to 4: undici forgets a session soon after its connection was closed.
  fetch: { serve: () => httpsServer(local), without: undefined },
  'undici Agent': { serve: () => httpsServer(local), without: 0 },
  http2: { serve: () => http2Server(local), without: 0 },
  'nodemailer 465': { serve: () => smtpServer(local, true), without: 0 },
  'nodemailer STARTTLS': { serve: () => smtpServer(local, false), without: 0 },
};
/** nodemailer looks the name up itself, and connects to an address in figures. */
const inProcessOnly = ['nodemailer 465'];

describe('with tlsmgr/register', () => {
  for (const [kind, { serve, without }] of Object.entries(kinds)) {
    test(`${kind}: resumed of 5 connections, without and with it, and in a new process`, async () => {
      const server = opened(await serve());
      stored.clear();
      const plain = await visits(server, kind, 5);
      const count = plain.filter(Boolean).length;
      assert.equal(count, without ?? count);
      const env = { TLSMGR_SOCKET: tlsmgr.path };
      assert.deepEqual(await visits(server, kind, 5, env), with4);
      const isFirstResumed = !inProcessOnly.includes(kind);
      assert.deepEqual(await visits(server, kind, 2, env), [isFirstResumed, true]);
    });
  }

  test('without a server at the socket connections are made, and resume in the process', async () => {
    const server = opened(await httpsServer(local));
    const env = { TLSMGR_SOCKET: join(folder, 'none.sock') };
    assert.deepEqual(await visits(server, 'fetch', 3, env), [false, true, true]);
  });

  test('a tlsmgr that says nothing delays connections by its deadline, and no end of a program', async () => {
    const silent = await ScriptedServer.start({ greets: () => false, asked: () => {} });
    const server = opened(await httpsServer(local));
    const env = { TLSMGR_SOCKET: silent.path };
    assert.deepEqual(await visits(server, 'fetch', 3, env), [false, true, true]);
    await silent.stop();
  });

  test('without TLSMGR_SOCKET it does nothing, and warns once', async () => {
    const server = opened(await httpsServer(local));
    const words = ['--import', register, visitor, 'undici Agent', `${server.port}`, '2'];
    const { status, err } = await run(words, { TLSMGR_SOCKET: '' });
    assert.equal(status, 0);
    assert.equal(err.match(/TLSMGR_SOCKET is not set/gu)?.length, 1);
    assert.deepEqual(server.resumed, [false, false]);
  });

  test('a program that makes no connection ends', async () => {
    const words = ['--import', register, '--eval', '0'];
    assert.deepEqual(await run(words, { TLSMGR_SOCKET: tlsmgr.path }), { status: 0, err: '' });
  });

  test('errors of Node for wrong options stay as they are', async () => {
    const program = `import { connect } from 'node:tls';
      try { connect({ port: 1, host: 'localhost', minVersion: 'none' }); } catch (error) {
        process.exitCode = error.code === 'ERR_TLS_INVALID_PROTOCOL_VERSION' ? 7 : 1; }`;
    const words = ['--import', register, '--input-type=module', '--eval', program];
    const { status } = await run(words, { TLSMGR_SOCKET: tlsmgr.path });
    assert.equal(status, 7);
  });
});
