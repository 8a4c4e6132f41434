/** The examples for programs that connect: each run twice, as they stand, against the built package. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { notBuilt, Standalone } from '../cli/standalone.ts';
import { type Counting, httpsServer, smtpServer } from './client-servers.ts';
import { authority } from './client-visits.ts';

const root = join(import.meta.dirname, '../..');
const examples = join(root, 'examples/node');

describe('the examples for clients', { skip: notBuilt }, () => {
  let folder: string;
  const tlsmgr = new Standalone();
  const servers: Counting[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tlsmgr-examples-'));
    writeFileSync(join(folder, 'ca.pem'), (await authority('localhost')).ca);
    await tlsmgr.start();
  });
  after(async () => {
    servers.forEach((server) => server.close());
    await tlsmgr.stop();
    rmSync(folder, { recursive: true });
  });

  const run = (example: string, words: readonly string[]): Promise<string> =>
    node([join(examples, example), ...words]);

  /** @returns what it says. */
  function node(words: readonly string[]): Promise<string> {
    const env = {
      ...process.env,
      TLSMGR_SOCKET: tlsmgr.socket,
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    };
    const child = spawn(process.execPath, words, { env, cwd: root });
    let said = '';
    child.stdout.on('data', (text: Buffer) => void (said += text.toString()));
    child.stderr.on('data', (text: Buffer) => void (said += text.toString()));
    return new Promise((resolve) => {
      child.once('close', () => resolve(said));
    });
  }

  test('outbound-mailer.mjs resumes what its last run has left', async () => {
    const server = await smtpServer(await authority('localhost'), true);
    servers.push(server);
    const words = ['localhost', `${server.port}`, 'a@localhost', 'b@localhost'];
    assert.match(await run('outbound-mailer.mjs', words), / stored/u);
    assert.match(await run('outbound-mailer.mjs', words), / resumed/u);
    assert.deepEqual(server.resumed, [false, true]);
  });

  test('tlsmgr/register, from the built package, lets fetch resume in a new process', async () => {
    const server = await httpsServer(await authority('localhost'));
    servers.push(server);
    const program = `await (await fetch('https://localhost:${server.port}/')).text()`;
    const words = ['--import', 'tlsmgr/register', '--input-type=module', '--eval', program];
    assert.equal((await node(words)) + (await node(words)), '');
    assert.deepEqual(server.resumed, [false, true]);
  });

  test('undici-agent.mjs resumes what its last run has left', async () => {
    const server = await httpsServer(await authority('localhost'));
    servers.push(server);
    const words = [`https://localhost:${server.port}/`];
    assert.match(await run('undici-agent.mjs', words), / 200/u);
    assert.match(await run('undici-agent.mjs', words), / resumed/u);
    assert.deepEqual(server.resumed, [false, true]);
  });
});
