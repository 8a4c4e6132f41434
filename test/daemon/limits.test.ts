/** Bounds of docs/limits.md and promises of SECURITY.md that only a process of its own can show. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { longestPage } from '../../src/requests/list.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';
import { poll } from '../postfix/poll.ts';
import { openSocket } from '../socket/plain-socket.ts';

const nobody = 65_534;
const launcher = join(import.meta.dirname, '../../bin/tlsmgr');
const notRoot = process.getuid?.() === 0 ? false : 'only root can start it as somebody else';
const noSs = existsSync('/usr/bin/ss') ? false : 'no /usr/bin/ss to see a backlog';

/** Sends a request and reads so many lists, the announcement included. */
async function replies(path: string, request: string, lists: number): Promise<string> {
  const socket = await openSocket(path);
  socket.setEncoding('latin1').write(request);
  let text = '';
  for await (const chunk of socket) {
    text += chunk as string;
    if (text.split('\0\0').length > lists) {
      break;
    }
  }
  return text;
}

describe('the bounds of a daemon', { skip: notBuilt }, () => {
  const daemon = new Standalone();

  before(async () => {
    await daemon.start('-o', 'tlsmgr_request_time_limit=1s');
  });
  after(() => daemon.remove());

  test('it leaves no core file, and may open all files that its hard limit allows', () => {
    const limits = readFileSync(`/proc/${daemon.pid}/limits`, 'utf8');
    assert.match(limits, /^Max core file size +0 +0 /mu);
    const [, soft, hard] = /^Max open files +(\d+) +(\d+) /mu.exec(limits)!;
    assert.equal(soft, hard);
  });

  test('a hundred connections may wait to be accepted', { skip: noSs }, () => {
    const { stdout } = spawnSync('/usr/bin/ss', ['-xlnH'], { encoding: 'utf8' });
    const line = stdout.split('\n').find((text) => text.includes(daemon.socket));
    // Netid, State, Recv-Q, and the backlog.
    assert.equal(line?.split(/\s+/u)[3], '100', stdout);
  });

  test('a client that does not read its replies is closed at the time limit, and counted', async () => {
    const socket = await openSocket(daemon.socket);
    socket.on('error', () => socket.destroy());
    socket.pause();
    socket.write('request\0policy\0cache_type\0smtpd\0\0'.repeat(40_000));
    await poll('the warning', () =>
      /client does not read its replies .*: closed/u.test(daemon.said),
    );
    const report = await daemon.run('status', '--json');
    const { connections } = JSON.parse(report.out) as { connections: { timeLimitHits: number } };
    assert.equal(connections.timeLimitHits, 1);
    socket.destroy();
  });

  test('a page of list has a largest size', async () => {
    const ask = (limit: number): Promise<string> =>
      replies(daemon.socket, `request\0list\0cache_type\0smtpd\0cursor\0\0limit\0${limit}\0\0`, 2);
    assert.ok((await ask(longestPage)).includes('\0\0status\x000\0entries\0[]\0'));
    assert.ok((await ask(longestPage + 1)).includes('\0\0status\x004294967294\0'));
  });
});

test(
  'another process of the same user can not read its memory',
  {
    skip: notBuilt || notRoot,
  },
  async () => {
    const folder = mkdtempSync('/tmp/tlsmgr-dumpable-');
    chownSync(folder, nobody, nobody);
    const child = spawn(realpathSync(launcher), ['serve'], {
      cwd: folder,
      uid: nobody,
      gid: nobody,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      await poll('it to serve', () => said.includes('serving on'), { detail: () => said });
      // The kernel gives what is not dumpable to root, and asks for its rights.
      assert.equal(statSync(`/proc/${child.pid}/mem`).uid, 0);
      const read = spawnSync('/bin/cat', [`/proc/${child.pid}/environ`], {
        uid: nobody,
        gid: nobody,
        encoding: 'utf8',
      });
      assert.match(read.stderr, /Permission denied/u);
    } finally {
      child.kill();
      await once(child, 'close');
      rmSync(folder, { recursive: true });
    }
  },
);
