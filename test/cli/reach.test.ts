/** Which socket a verb asks, whom it trusts, and how long it waits. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, mock, test } from 'node:test';
import { TlsmgrClient } from '../../src/client/client.ts';
import { runLoad } from '../../src/cli/load.ts';
import { strangerOn } from '../../src/system/path-trust.ts';
import {
  announcement,
  asOurs,
  type Attributes,
  FakeServer,
  listText,
  runHere,
} from './fake-server.ts';
import { notBuilt, Standalone } from './standalone.ts';

const notRoot = process.geteuid!() === 0 ? false : 'only root gives files away';
const stranger = 65_534;
const self = { uid: process.geteuid!(), gid: process.getegid!() };

const startFolder = process.cwd();

describe('a socket in the current folder', { skip: notRoot }, () => {
  let folder: string;
  let fake: FakeServer;
  const inFolder = (name: string): string => join(folder, name);
  const flushed: Attributes = [
    ['status', '0'],
    ['entries', '7'],
  ];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tlsmgr-reach-'));
    mkdirSync(inFolder('run'), { mode: 0o755 });
    fake = await FakeServer.start(inFolder('run/tlsmgr.sock'), {
      greeting: listText(announcement),
      reply: (request) => (request === 'flush' ? flushed : asOurs[request]),
    });
    process.chdir(folder);
  });
  afterEach(async () => {
    process.chdir(startFolder);
    await fake.stop();
    rmSync(folder, { recursive: true });
  });

  const expectRefused = async (part: string, reason: string): Promise<void> => {
    const verbs = [
      ['seed'],
      ['flush', 'smtpd'],
      ['list', 'smtpd'],
      ['show', 'smtpd', 'x'],
      ['delete', 'smtpd', 'x'],
      ['status'],
      ['status', '--json'],
      ['bench'],
    ] as const;
    for (const [verb, ...args] of verbs) {
      assert.deepEqual(await runHere(verb, ...args), {
        status: verb === 'status' ? 3 : 1,
        out: '',
        screen: '',
        err: `tlsmgr: fatal: ${inFolder('run/tlsmgr.sock')} is not trusted: ${part} ${reason}; --socket run/tlsmgr.sock asks it nevertheless\n`,
      });
    }
    assert.equal(fake.accepted, 0);
  };

  test("that is the caller's is asked, and named", async () => {
    assert.deepEqual(await runHere('flush', 'smtpd'), {
      status: 0,
      out: '7 sessions forgotten\n',
      screen: '',
      err: `tlsmgr: asking ${inFolder('run/tlsmgr.sock')}\n`,
    });
  });

  test("of a stranger's is refused, whichever part of the path is theirs", async () => {
    for (const name of ['run/tlsmgr.sock', 'run', '.']) {
      chownSync(inFolder(name), stranger, 0);
      await expectRefused(join(folder, name), `belongs to user ${stranger}`);
      chownSync(inFolder(name), 0, 0);
    }
  });

  test('in a folder that others may write is refused', async () => {
    for (const name of ['run', '.']) {
      chmodSync(inFolder(name), 0o757);
      await expectRefused(join(folder, name), 'may be written by everybody');
      chmodSync(inFolder(name), 0o775);
      chownSync(inFolder(name), 0, stranger);
      await expectRefused(join(folder, name), `may be written by group ${stranger}`);
      chownSync(inFolder(name), 0, 0);
      chmodSync(inFolder(name), 0o755);
    }
  });

  test('behind a link of a stranger is refused', async () => {
    mkdirSync(inFolder('elsewhere'));
    process.chdir(inFolder('elsewhere'));
    symlinkSync('../run', 'run');
    assert.equal((await runHere('flush', 'smtpd')).status, 0);
    lchownSync('run', stranger, stranger);
    const { status, err } = await runHere('flush', 'smtpd');
    assert.equal(status, 1);
    assert.match(err, /elsewhere\/run belongs to user 65534; --socket/u);
  });

  test('--socket asks it nevertheless', async () => {
    chownSync(inFolder('run'), stranger, stranger);
    assert.deepEqual(await runHere('flush', 'smtpd', '--socket', 'run/tlsmgr.sock'), {
      status: 0,
      out: '7 sessions forgotten\n',
      screen: '',
      err: '',
    });
  });

  test('what a link leads through counts too', () => {
    const hidden = inFolder('hidden');
    mkdirSync(hidden);
    symlinkSync(`${hidden}/../run`, inFolder('way'));
    const path = inFolder('way/tlsmgr.sock');
    assert.equal(strangerOn(path, self), undefined);
    chmodSync(hidden, 0o777);
    assert.equal(strangerOn(path, self), `${hidden} may be written by everybody`);
    chmodSync(hidden, 0o1777);
    assert.equal(strangerOn(path, self), undefined);
    symlinkSync('loop', inFolder('loop'));
    assert.match(strangerOn(inFolder('loop'), self)!, /loop: too many symbolic links$/u);
    assert.match(strangerOn(inFolder('none/x'), self)!, /none: No such file or directory$/u);
  });

  test('of another user is theirs', () => {
    const other = { uid: stranger, gid: stranger };
    assert.equal(strangerOn(inFolder('run/tlsmgr.sock'), other), undefined);
    chownSync(inFolder('run'), stranger, stranger);
    chmodSync(inFolder('run'), 0o770);
    assert.equal(strangerOn(inFolder('run/tlsmgr.sock'), other), undefined);
    assert.match(strangerOn(inFolder('run/tlsmgr.sock'), self)!, /run belongs to user 65534$/u);
  });
});

describe('a server that does not answer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-silent-'));
  after(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'socket');

  test('keeps no verb for ever', async () => {
    for (const greeting of [undefined, listText(announcement)]) {
      const fake = await FakeServer.start(socket, { greeting, reply: () => undefined });
      mock.timers.enable({ apis: ['setTimeout'] });
      try {
        const verbs = [
          ['seed'],
          ['flush', 'smtpd'],
          ['list', 'smtpd'],
          ['show', 'smtpd', 'x'],
          ['delete', 'smtpd', 'x'],
          ['status'],
          ['status', '--json'],
          ['check', '-c', folder],
        ] as const;
        const all = verbs.map(([verb, ...args]) => runHere(verb, ...args, '--socket', socket));
        const ended = Promise.all(all);
        const progress = { waiting: true };
        void ended.then(() => (progress.waiting = false));
        // Each of them waits by now, or will; their clocks go on until all have ended.
        while (progress.waiting) {
          mock.timers.tick(1000);
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
        }
        for (const [index, { status, out, err }] of (await ended).entries()) {
          const expected: Record<string, number> = { status: 3, check: 2 };
          assert.equal(
            status,
            expected[verbs[index]![0]] ?? 1,
            `${verbs[index]!.join(' ')}: ${out}${err}`,
          );
          assert.match(out + err, /: no answer within (?:5000|10000) ms/u);
        }
      } finally {
        mock.timers.reset();
        await fake.stop();
      }
    }
  });

  test('and a byte now and then is no answer', async () => {
    const server = createServer((connection) => {
      connection.write(listText(announcement));
      const timer = setInterval(() => connection.write('x'), 10);
      connection.on('error', () => undefined).on('close', () => clearInterval(timer));
    }).listen(socket);
    const client = new TlsmgrClient({ socketPath: socket, deadlineMs: 100 });
    await assert.rejects(client.seed(1), /no answer within 100 ms/u);
    server.close();
  });

  test('fails a load, before and after its announcement', async () => {
    for (const greeting of [undefined, listText(announcement)]) {
      const fake = await FakeServer.start(socket, { greeting, reply: () => undefined });
      const load = runLoad({
        socketPath: socket,
        operation: 'seed',
        connections: 2,
        requests: 10,
        ids: 1,
        sessionBytes: 1,
        announcement: true,
        patienceMs: 50,
      });
      await assert.rejects(load, /socket: no answer within 50 ms/u);
      await fake.stop();
    }
  });

  test('but never closes keeps no verb from ending', { skip: notBuilt }, async () => {
    const { stats, policy, seed }: Record<string, Attributes> = {
      stats: [['status', '4294967294']],
      policy: [
        ['status', '0'],
        ['cachable', '1'],
        ['timeout', '3600'],
      ],
      seed: [
        ['status', '0'],
        ['seed', 'AAAA'],
      ],
    };
    const replies: Record<string, Attributes | undefined> = { policy, seed };
    const tlsmgr = new Standalone();
    for (const [second, text] of [
      [undefined, /Postfix's own tlsmgr serves here/u],
      [stats, /what answers is neither this tlsmgr nor Postfix's own/u],
    ] as const) {
      const fake = await FakeServer.start(socket, {
        greeting: listText(announcement),
        reply: (request) => (request === 'stats' ? second : replies[request]),
        firstOnly: second === undefined,
      });
      const { status, err } = await tlsmgr.run('status', '--socket', socket);
      assert.equal(status, 3);
      assert.match(err, text);
      await fake.stop();
    }
    tlsmgr.remove();
  });
});

describe('who answers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-who-'));
  after(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'socket');
  const policy: Attributes = [
    ['status', '0'],
    ['cachable', '0'],
    ['timeout', '3600'],
  ];
  const seed: Attributes = [
    ['status', '0'],
    ['seed', 'AAAA'],
  ];
  const noSeed: Attributes = [
    ['status', '4294967295'],
    ['seed', ''],
  ];
  const greeting = listText(announcement);
  const neither = /: what answers is neither this tlsmgr nor Postfix's own$/mu;
  type Replies = Record<string, Attributes>;
  const cases: [string, string, Replies, RegExp][] = [
    ['the original', greeting, { policy, seed }, /: Postfix's own tlsmgr serves here/u],
    ['an original without seeds', greeting, { policy, seed: noSeed }, /: no seed is given out$/u],
    ['another service of Postfix', listText([['protocol', 'delivery_status']]), {}, neither],
    ['a web server', 'HTTP/1.1 400 Bad Request\r\n\r\n', {}, neither],
    ['a name alone', 'protocol\0tlsmgr_protocol2\0\0', {}, neither],
    ['one without an announcement of its own', listText([['status', '0']]), {}, neither],
    ['one that answers all alike', greeting, { policy: seed, stats: seed, seed }, neither],
    ['one that says more', greeting, { policy: [...policy, ['x', 'y']], seed }, neither],
    [
      'a bad report',
      greeting,
      {
        policy,
        stats: [
          ['status', '0'],
          ['report', '{'],
        ],
        seed,
      },
      /: its report is no JSON$/u,
    ],
    [
      'one that refuses stats',
      greeting,
      { policy, stats: [['status', '4294967294']], seed },
      neither,
    ],
  ];
  for (const [title, says, replies, expected] of cases) {
    test(title, async () => {
      const fake = await FakeServer.start(socket, {
        greeting: says,
        reply: (request) => replies[request],
        firstOnly: replies['stats'] === undefined,
      });
      const { status, out, err } = await runHere('status', '--socket', socket);
      assert.deepEqual([status, out], [3, '']);
      assert.match(err.trim(), expected);
      await fake.stop();
    });
  }

  test('is told at once, and what the original knows works there too', async () => {
    const found: Attributes = [
      ['status', '0'],
      ['session', 'AAAA'],
    ];
    const known: Record<string, Attributes> = {
      policy,
      seed,
      delete: [['status', '0']],
      lookup: found,
    };
    const fake = await FakeServer.start(socket, {
      greeting,
      reply: (request) => known[request],
      firstOnly: true,
    });
    for (const verb of ['list', 'flush']) {
      const { status, err } = await runHere(verb, 'smtpd', '--socket', socket);
      assert.equal(status, 1);
      assert.match(err, /socket: Postfix's own tlsmgr serves here, and it knows no such request/u);
    }
    assert.equal((await runHere('seed', '3', '--socket', socket)).out, '000000\n');
    assert.equal((await runHere('delete', 'smtpd', 'x', '--socket', socket)).out, 'deleted\n');
    const shown = await runHere('show', 'smtpd', 'x', '--socket', socket);
    assert.match(shown.err, /not a session of OpenSSL/u);
    await fake.stop();
    const web = await FakeServer.start(socket, {
      greeting: 'HTTP/1.1 400 Bad Request\r\n\r\n',
      reply: () => undefined,
    });
    for (const [verb, ...args] of [
      ['list', 'smtpd'],
      ['flush', 'smtpd'],
      ['show', 'smtpd', 'x'],
      ['delete', 'smtpd', 'x'],
      ['seed'],
    ] as const) {
      assert.match((await runHere(verb, ...args, '--socket', socket)).err, neither);
    }
    await web.stop();
  });

  test('or why nobody does, in words', async () => {
    const { err } = await runHere('list', 'smtpd', '--socket', socket);
    assert.match(
      err,
      /socket: there is no such socket: does Postfix run \(postfix start, or postfix -c DIR start\), or tlsmgr serve\?$/mu,
    );
    for (const verb of ['status', 'seed', 'check', 'bench', 'serve']) {
      const { status, err: said } = await runHere(verb, '--socket', '');
      assert.equal(status, verb === 'status' || verb === 'check' ? 3 : 2, verb);
      assert.match(said, /--socket: no path given/u);
    }
  });
});
