/** Metrics of an idle Postfix: nobody uses TLS, and they can be read all the same. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Finding } from '../../src/cli/findings/finding.ts';
import type { Report } from '../../src/report/report.ts';
import { getUntil } from '../metrics/http-client.ts';
import { freePort, PostfixInstance } from './instance.ts';
import { poll } from './poll.ts';
import { originalTlsmgr, requireBuilt, skipWithoutPostfix } from './under-test.ts';

const launcher = join(import.meta.dirname, '../../bin/tlsmgr');

describe('metrics of an idle Postfix', { skip: skipWithoutPostfix }, () => {
  let postfix: PostfixInstance;
  let port: number;

  const run = (...args: string[]) =>
    spawnSync(launcher, [...args, '-c', postfix.configDirectory], { encoding: 'utf8', env: {} });
  const postconf = (...args: string[]): string =>
    execFileSync('postconf', ['-c', postfix.configDirectory, ...args], { encoding: 'utf8' });
  const wakeup = (): string => postconf('-Fh', 'tlsmgr/unix/wakeup').trim();
  const masterCf = (): string => readFileSync(join(postfix.configDirectory, 'master.cf'), 'utf8');
  const findings = (): string[] => {
    const found = JSON.parse(run('check', '--json').stdout) as Finding[];
    return found.filter(({ severity }) => severity !== 'note').map(({ name }) => name);
  };
  /** Who serves the metrics, when it isn't `earlier` any more. */
  const served = async (earlier?: number): Promise<number> => {
    const pidIn = (body: string): number => (JSON.parse(body) as Report).pid;
    const { body } = await getUntil(
      { port },
      '/status.json',
      ({ status, body: text }) => status === 200 && pidIn(text) !== earlier,
    );
    return pidIn(body);
  };

  before(async () => {
    requireBuilt();
    port = await freePort();
    postfix = await PostfixInstance.create({
      tlsmgr: originalTlsmgr,
      name: 'idle',
      mainCf: { tlsmgr_metrics_listen: `127.0.0.1:${port}` },
    });
  });
  after(async () => {
    await postfix.stop();
    postfix.cleanup();
  });

  test('install takes the ? from the wake-up, and uninstall puts it back', () => {
    const was = masterCf();
    assert.equal(wakeup(), '1000?');
    const shown = run('install', '--dry-run').stdout;
    assert.match(shown, /\+ tlsmgr unix - - y 1000 1 node-tlsmgr\/tlsmgr/u);
    assert.equal(run('install', '--yes').status, 0);
    assert.equal(wakeup(), '1000');
    assert.equal(run('uninstall', '--yes').status, 0);
    assert.equal(masterCf(), was);
    assert.equal(run('install', '--yes').status, 0);
  });

  test('they can be read after a start and after each reload, though nobody asks tlsmgr', async () => {
    await postfix.start();
    let pid = await served();
    for (let times = 0; times < 3; times += 1) {
      await postfix.reload();
      pid = await served(pid);
    }
    assert.deepEqual(findings(), []);
  });

  test('a reload starts the next one with a ? as well, and check tells of the start', async () => {
    const pid = await served();
    postconf('-F', 'tlsmgr/unix/wakeup=1000?');
    assert.deepEqual(findings(), ['metrics-wakeup']);
    await postfix.reload();
    await served(pid);
    postconf('-F', 'tlsmgr/unix/wakeup=0');
    assert.deepEqual(findings(), ['metrics-wakeup']);
    assert.equal(run('install', '--yes').status, 0);
    assert.equal(wakeup(), '1000');
    assert.deepEqual(findings(), []);
    assert.deepEqual(postfix.complaints(), []);
  });

  test('a reload switches them on, though the process before it had none', async () => {
    const metrics = { tlsmgr_metrics_listen: `127.0.0.1:${port}` };
    for (const [mainCf, tlsmgrWords] of [
      [metrics, ''],
      [{}, ` -o tlsmgr_metrics_listen=127.0.0.1:${port}`],
    ] as const) {
      postfix.writeMainCf({});
      postconf('-F', 'tlsmgr/unix/command=node-tlsmgr/tlsmgr');
      await postfix.reload();
      const { pid } = JSON.parse(run('status', '--json').stdout) as Report;
      postfix.writeMainCf(mainCf);
      postconf('-F', `tlsmgr/unix/command=node-tlsmgr/tlsmgr${tlsmgrWords}`);
      await postfix.reload();
      assert.notEqual(await served(), pid);
    }
    assert.deepEqual(postfix.complaints(), []);
  });

  test('one that is killed before anybody has asked is started again by who asks', async () => {
    await postfix.reload();
    const pid = await served();
    const record = join(postfix.queueDirectory, 'pid/tlsmgr.start');
    await poll('the record of a start that serves', () =>
      readFileSync(record, 'utf8').startsWith('served'),
    );
    process.kill(postfix.tlsmgrPid()!, 'SIGKILL');
    assert.equal(run('status').status, 0);
    assert.notEqual(await served(), pid);
    const complaints = postfix.complaints();
    assert.equal(complaints.length, 1, complaints.join('\n'));
    assert.match(complaints[0]!, /killed by signal 9/u);
  });
});
