import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { AttributeClient, announcement, request, valueOf } from './attribute-client.ts';
import { StandInMaster, type StandInOptions, usualArgs } from './stand-in-master.ts';
import { requireBuilt, skipWithoutPostfix, testsOurs, tlsmgrUnderTest } from './under-test.ts';

const policy = request('policy', 'cache_type', 'smtpd');
const seed = request('seed', 'size', '32');

/** Starts, runs, and leaves nothing behind. */
async function withDaemon<T>(
  options: Partial<StandInOptions>,
  run: (master: StandInMaster) => Promise<T>,
): Promise<T> {
  const master = await StandInMaster.start({ daemon: tlsmgrUnderTest, ...options });
  try {
    return await run(master);
  } finally {
    master.cleanup();
  }
}

async function ask(master: StandInMaster, bytes: string): Promise<string> {
  const client = await AttributeClient.greeted(master.socketPath);
  try {
    return await client.ask(bytes);
  } finally {
    client.close();
  }
}

describe('what passes between master(8) and tlsmgr', { skip: skipWithoutPostfix }, () => {
  before(requireBuilt);

  test('it reports one pair, after the first answered request, and never again', async () => {
    await withDaemon({ environment: { GENERATION: '17' } }, async (master) => {
      for (let round = 0; round < 5; round += 1) {
        assert.equal(valueOf(await ask(master, seed), 'status'), '0');
      }
      master.letGo();
      assert.deepEqual(await master.ended, { status: 0, signal: undefined });
      const pair = [0, 1].map((state) => ({ pid: master.pid, generation: 0o17, state }));
      const messages = master.statusMessages;
      assert.deepEqual(testsOurs ? messages : messages.slice(0, 2), pair);
    });
  });

  test('it reports nothing for connections and wake-ups without a request', async (t) => {
    if (!testsOurs) {
      t.skip('the original reports them');
      return;
    }
    await withDaemon({}, async (master) => {
      const idle = await AttributeClient.greeted(master.socketPath);
      const trigger = await AttributeClient.greeted(master.socketPath);
      trigger.send('W\0');
      assert.equal(await trigger.readToEnd(), '');
      master.letGo();
      assert.deepEqual(await master.ended, { status: 0, signal: undefined });
      assert.deepEqual(master.statusMessages, []);
      idle.close();
    });
  });

  test('a wake-up is closed without a reply, in one piece or two, and after a request', async () => {
    await withDaemon({}, async (master) => {
      for (const pieces of [['W\0'], ['W', '\0']]) {
        const client = await AttributeClient.greeted(master.socketPath);
        await client.sendPieces(pieces);
        assert.equal(await client.readToEnd(), '');
      }
      const client = await AttributeClient.greeted(master.socketPath);
      await client.ask(policy);
      client.send('W\0');
      assert.equal(await client.readToEnd(), '');
    });
  });

  test('a wake-up that does not read the announcement', async () => {
    await withDaemon({}, async (master) => {
      const client = await AttributeClient.connect(master.socketPath);
      client.send('W\0');
      client.close();
      assert.equal(valueOf(await ask(master, policy), 'status'), '0');
      // The original may warn that its announcement met a broken pipe.
      assert.deepEqual(testsOurs ? master.logged : [], []);
    });
  });

  test('end-of-file on descriptor 5: it saves the pool, exits with 0, and says nothing', async () => {
    await withDaemon({}, async (master) => {
      await ask(master, seed);
      const atStart = readFileSync(master.exchangePath);
      master.letGo();
      assert.deepEqual(await master.ended, { status: 0, signal: undefined });
      assert.equal(atStart.length, 1024);
      assert.notDeepEqual(readFileSync(master.exchangePath), atStart);
      assert.deepEqual(master.logged, []);
    });
  });

  test('end-of-file before it serves: whoever waits has an answer, then it exits with 0', async () => {
    await withDaemon({}, async (master) => {
      master.letGo();
      assert.equal(valueOf(await ask(master, seed), 'status'), '0');
      assert.deepEqual(await master.ended, { status: 0, signal: undefined });
      assert.deepEqual(master.logged, []);
    });
  });

  test('SIGTERM: it saves the pool and exits with 0 within a second', async (t) => {
    if (!testsOurs) {
      t.skip('the original dies, saving nothing');
      return;
    }
    const elapsedMs: number[] = [];
    // The best of three: one attempt may meet a busy machine.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await withDaemon({}, async (master) => {
        await ask(master, seed);
        const atStart = readFileSync(master.exchangePath);
        const start = performance.now();
        master.kill('SIGTERM');
        assert.deepEqual(await master.ended, { status: 0, signal: undefined });
        elapsedMs.push(performance.now() - start);
        assert.notDeepEqual(readFileSync(master.exchangePath), atStart);
        assert.deepEqual(master.logged, []);
      });
    }
    assert.ok(Math.min(...elapsedMs) < 1000, `${elapsedMs.join(', ')} ms`);
  });

  test('as many clients wait as before it came: the queue that master made gets no shorter', async (t) => {
    if (!testsOurs) {
      t.skip('the original leaves the queue as it is');
      return;
    }
    await withDaemon({}, async (master) => {
      await ask(master, seed);
      process.kill(master.pid, 'SIGSTOP');
      // The stand-in's own queue takes 511. A full one refuses at once: EAGAIN.
      const clients: AttributeClient[] = [];
      for (let count = 0; count < 400; count += 1) {
        clients.push(await AttributeClient.connect(master.socketPath));
      }
      process.kill(master.pid, 'SIGCONT');
      assert.equal(valueOf(await ask(master, seed), 'status'), '0');
      for (const client of clients) {
        client.close();
      }
    });
  });

  test('SIGPIPE and SIGXFSZ change nothing', async () => {
    await withDaemon({}, async (master) => {
      await ask(master, seed);
      master.kill('SIGPIPE');
      master.kill('SIGXFSZ');
      assert.equal(valueOf(await ask(master, seed), 'status'), '0');
    });
  });

  test('master that has closed its end without a word: no complaint, an exit like others', async () => {
    await withDaemon({}, async (master) => {
      const client = await AttributeClient.greeted(master.socketPath);
      master.letGo();
      assert.deepEqual(await master.ended, { status: 0, signal: undefined });
      assert.equal(await client.readToEnd(), '');
      assert.deepEqual(master.logged, []);
    });
  });

  test('it greets before it is spoken to, and serves who does not wait for that', async () => {
    await withDaemon({}, async (master) => {
      const client = await AttributeClient.connect(master.socketPath);
      client.send(policy);
      assert.equal(await client.readList(), announcement);
      assert.equal(valueOf(await client.readList(), 'timeout'), '3600');
      client.close();
    });
  });
});

interface FailingStart {
  what: string;
  options: Partial<StandInOptions>;
  /** After `fatal: `. */
  text: string | RegExp;
  /** What the original has in its place, if it differs; false: not comparable. */
  original?: string | RegExp | false;
}

const failingStarts: FailingStart[] = [
  {
    what: 'no -l',
    options: { args: ['-V', '-t', 'unix', '-u', '-c'] },
    text: 'service tlsmgr requires a process limit of 1',
  },
  {
    what: 'no -l, a service of another name',
    options: { args: ['-V', '-n', 'other', '-t', 'unix', '-u', '-c'] },
    text: 'service other requires a process limit of 1',
  },
  {
    what: '-z is no -l',
    options: { args: ['-V', '-z', '-t', 'unix'] },
    text: 'service tlsmgr requires a process limit of 1',
  },
  { what: 'no -t', options: { args: ['-V', '-l', '-u'] }, text: 'no transport type specified' },
  {
    what: '-t fifo',
    options: { args: ['-V', '-l', '-t', 'fifo'] },
    text: 'unsupported transport type: fifo',
  },
  {
    what: '-o without =',
    options: { args: [...usualArgs, '-o', 'x'] },
    text: `invalid "-o x" option value: missing '=' after attribute name`,
  },
  {
    what: '-o without a name',
    options: { args: [...usualArgs, '-o', '=x'] },
    text: `invalid "-o =x" option value: missing attribute name`,
  },
  {
    what: '-s 0',
    options: { args: [...usualArgs, '-s', '0'] },
    text: 'invalid socket_count: 0',
  },
  { what: 'an unknown letter', options: { args: ['-V', '-q'] }, text: 'invalid option: q' },
  { what: 'a long option', options: { args: ['-V', '--help'] }, text: 'invalid option: -' },
  { what: 'a value missing', options: { args: ['-V', '-l', '-t'] }, text: 'invalid option: t' },
  {
    what: 'a bad generation',
    options: { environment: { GENERATION: '9x' } },
    text: 'bad generation: 9x',
  },
  {
    what: 'an empty generation',
    options: { environment: { GENERATION: '' } },
    text: 'bad generation: ',
  },
  {
    what: 'a bad -m',
    options: { args: [...usualArgs, '-m', 'x'] },
    text: 'bad numerical configuration: max_use = x',
  },
  {
    what: 'a bad -i',
    options: { args: [...usualArgs, '-i', 'x'] },
    text: 'parameter max_idle: bad time value or unit: x',
  },
  {
    what: 'words after the options',
    options: { args: [...usualArgs, 'word', 'more'] },
    text: 'unexpected command-line argument: word',
    // It says so at its first request.
    original: false,
  },
  {
    what: 'a bad parameter',
    options: { mainCf: { tls_random_bytes: '0' } },
    text: /^invalid tls_random_bytes parameter value 0 < 1$/u,
    original: /tls_random_bytes/u,
  },
  {
    what: 'an unknown mail_owner',
    options: { mainCf: { mail_owner: 'nobody-of-this-name' } },
    text: /mail_owner.*nobody-of-this-name|unknown user/u,
  },
  {
    what: 'no descriptor 6',
    options: { lastDescriptor: 5 },
    text: /descriptor 6/u,
    original: false,
  },
  {
    what: 'no descriptor 5 and 6',
    options: { lastDescriptor: 4 },
    text: /descriptor 5/u,
    original: false,
  },
];

describe('a start that fails', { skip: skipWithoutPostfix, concurrency: 3 }, () => {
  before(requireBuilt);

  for (const { what, options, text, original } of failingStarts) {
    const expected = testsOurs ? text : (original ?? text);
    const skip = expected === false && 'the original differs';
    test(`${what}: one fatal, a pause of a second, exit status 1`, { skip }, async () => {
      await withDaemon(options, async (master) => {
        assert.deepEqual(await master.ended, { status: 1, signal: undefined });
        const elapsedMs = performance.now() - master.startedAtMs;
        assert.ok(elapsedMs >= 1000, `no pause: ${elapsedMs} ms`);
        assert.equal(master.logged.length, 1, master.logged.join('\n'));
        const logged = master.logged[0]!;
        const at = logged.indexOf(': fatal: ');
        assert.ok(at > 0, logged);
        const said = logged.slice(at + ': fatal: '.length);
        if (typeof expected === 'string') {
          assert.equal(said, expected);
        } else {
          assert.match(said, expected as RegExp);
        }
        assert.deepEqual(master.statusMessages, []);
      });
    });
  }
});
