/** The guard of the engine, over a library that a test plays: limits, bounds, states and their log lines. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { EngineError } from '../../src/fleet/engine/engine.ts';
import { GuardedEngine } from '../../src/fleet/engine/guarded-engine.ts';
import { TestClock, TestTimers } from '../log/scratch.ts';
import { FakeLibrary } from './fake-library.ts';
import { LogLines } from '../log-lines.ts';

const readLimitMs = 50;
const attemptSeconds = 4;
const secrets = ['sUpErSeCrEt'];
const value = Buffer.from('sealed');

class Scene {
  readonly clock = new TestClock();
  readonly timers = new TestTimers(this.clock);
  readonly log = new LogLines();
  readonly library: FakeLibrary;
  readonly engine: GuardedEngine;

  constructor(targets = 1) {
    this.library = new FakeLibrary(targets);
    this.engine = new GuardedEngine(
      { name: 'redis:/etc/fleet.cf', readLimitMs, attemptSeconds, secrets },
      {
        library: this.library,
        log: this.log,
        clock: this.clock,
        after: this.timers.schedule,
        random: () => 0.5,
      },
    );
  }

  /** Started, and up; PINGs are answered. */
  static async up(targets = 1): Promise<Scene> {
    const scene = new Scene(targets);
    scene.engine.start();
    await scene.open();
    return scene;
  }

  /** The newest attempt succeeds, or the next one. */
  async open(): Promise<void> {
    while (this.library.last.isDestroyed) {
      await this.pass(100);
    }
    this.library.last.answersPings = true;
    this.library.last.open();
    await turn();
  }

  /** Lets time pass in steps of a millisecond's fraction of what may happen in it. */
  async pass(ms: number, stepMs = 10): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
      this.timers.advance(Math.min(stepMs, leftMs));
      await turn();
      await turn();
    }
  }

  /** Session reads that get no answer in time. */
  async lateReads(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const read = this.engine.get(['k']);
      const refused = assert.rejects(read, EngineError);
      await this.pass(readLimitMs + 10);
      await refused;
    }
  }
}

describe('a call', () => {
  test('has its answer', async () => {
    const { engine, library } = await Scene.up();
    const read = engine.get(['a', 'b']);
    library.last.take('get').answer(value);
    library.last.take('get').answer(undefined);
    assert.deepEqual(await read, [value, undefined]);
    assert.equal(engine.report().latencyMs?.p50, 0);
  });

  test('ends at its limit, and what is answered later is dropped', async () => {
    const scene = await Scene.up();
    const read = scene.engine.get(['a']);
    let reason = '';
    read.catch((thrown: Error) => {
      reason = thrown.message;
    });
    await scene.pass(40);
    assert.equal(reason, '');
    await scene.pass(20);
    assert.equal(reason, 'no answer within 50 ms');
    scene.library.last.take('get').answer(value);
    await turn();
    const { counts, latencyMs } = scene.engine.report();
    assert.deepEqual([counts.reads, counts.late, counts.failed, latencyMs], [1, 1, 0, null]);
  });

  test('for ticket keys has 5 s', async () => {
    const scene = await Scene.up();
    const asked = scene.engine.timeMs();
    const refused = assert.rejects(asked, { message: 'no answer within 5000 ms' });
    await scene.pass(4900);
    assert.equal(scene.library.last.count('time'), 1);
    await scene.pass(200);
    await refused;
    assert.equal(scene.engine.report().counts.failed, 1);
  });

  test('rejects at once while the engine is away', async () => {
    const scene = new Scene();
    await assert.rejects(scene.engine.get(['a']), { message: 'the engine is away' });
    scene.engine.start();
    await assert.rejects(scene.engine.timeMs(), { message: 'the engine is away' });
    assert.equal(scene.engine.connection, 'opening');
  });

  test('rejects when the connection ends', async () => {
    const scene = await Scene.up();
    const asked = scene.engine.fields('h', 8);
    scene.library.last.lose('Socket closed unexpectedly');
    await assert.rejects(asked, EngineError);
  });

  test('takes no more fields than it was told', async () => {
    const { engine, library } = await Scene.up();
    const many = new Map(Array.from({ length: 20 }, (_, index) => [`f${index}`, value]));
    const few = engine.fields('h', 8);
    library.last.take('hscan').answer(many);
    assert.equal((await few).size, 8);
    const paged = engine.fields('h', 1000);
    library.last.take('hscan').answer(many);
    assert.equal((await paged).size, 20);
  });
});

describe('what is under way', () => {
  test('is at most 1,000 commands, and those that are late count until they are answered', async () => {
    const scene = await Scene.up();
    const asked = Array.from({ length: 1000 }, () => scene.engine.unlink(['k']));
    const ended = Promise.allSettled(asked);
    const full = { message: 'too much is under way' };
    await assert.rejects(scene.engine.unlink(['k']), full);
    await scene.pass(100);
    await ended;
    await assert.rejects(scene.engine.unlink(['k']), full);
    await assert.rejects(scene.engine.timeMs(), full);
    scene.library.last.take('unlink').answer();
    await turn();
    const next = scene.engine.unlink(['k']);
    assert.equal(scene.library.last.count('unlink'), 1000);
    scene.engine.closeNow();
    await assert.rejects(next, EngineError);
  });

  test('is at most 4 MiB', async () => {
    const scene = await Scene.up();
    const large = Buffer.alloc(1024 * 1024 - 1000);
    const ended = Promise.allSettled(
      Array.from({ length: 4 }, () => scene.engine.set('k', large, 1)),
    );
    await assert.rejects(scene.engine.set('k', Buffer.alloc(4000), 1), {
      message: 'too much is under way',
    });
    scene.engine.closeNow();
    await ended;
  });

  test('counts anew on a new connection', async () => {
    const scene = await Scene.up();
    const asked = Array.from({ length: 1000 }, () => scene.engine.unlink(['k']));
    const ended = Promise.allSettled(asked);
    scene.library.last.lose('gone');
    await ended;
    await scene.pass(100);
    await scene.open();
    const next = scene.engine.unlink(['k']);
    scene.library.last.take('unlink').answer();
    await next;
  });
});

describe('reads', () => {
  test('pause after five late ones in a row, keys go on, and three PINGs within the limit resume them', async () => {
    const scene = await Scene.up();
    const { engine, library, log } = scene;
    library.last.answersPings = false;
    await scene.lateReads(4);
    const good = engine.get(['k']);
    library.last.sent.at(-1)!.answer(value);
    await good;
    await scene.lateReads(5);
    assert.deepEqual([engine.reads, engine.writes], ['paused', 'paused']);
    await assert.rejects(engine.get(['k']), { message: 'reads are paused' });
    await assert.rejects(engine.set('k', value, 1), { message: 'writes are paused' });
    const asked = engine.timeMs();
    library.last.take('time').answer(7);
    assert.equal(await asked, 7);
    assert.deepEqual(log.take(), [], 'it may be away: nothing is logged yet');
    await scene.pass(1000);
    await scene.pass(100);
    library.last.take('ping').answer();
    await turn();
    assert.deepEqual(log.take(), ['warning: fleet: engine server0:6379 is too slow: reads paused']);
    assert.equal(engine.report().reason, 'it is too slow');
    library.last.answersPings = true;
    await scene.pass(2500);
    assert.equal(engine.reads, 'paused');
    await scene.pass(600);
    assert.deepEqual([engine.reads, engine.writes], ['open', 'open']);
    assert.deepEqual(log.take(), [
      'fleet: engine server0:6379 is fast enough again: reads resumed',
    ]);
  });

  test('stay paused while PINGs are slow', async () => {
    const scene = await Scene.up();
    scene.library.last.answersPings = false;
    await scene.lateReads(5);
    for (let index = 0; index < 5; index += 1) {
      await scene.pass(1000);
      await scene.pass(60);
      scene.library.last.take('ping').answer();
      await turn();
    }
    assert.equal(scene.engine.reads, 'paused');
    assert.deepEqual(scene.log.take(), [
      'warning: fleet: engine server0:6379 is too slow: reads paused',
    ]);
  });
});

describe('the connection', () => {
  test('is lost after two seconds without an answer to a PING, and comes back', async () => {
    const scene = await Scene.up();
    const { engine, library, log } = scene;
    await scene.pass(5000);
    library.last.answersPings = false;
    await scene.pass(2900);
    assert.equal(engine.connection, 'up');
    await scene.pass(200);
    assert.equal(engine.connection, 'away');
    assert.equal(library.attempts[0]!.isDestroyed, true);
    assert.deepEqual(log.take(), [
      'warning: fleet: engine server0:6379 is away (no answer for 2 s)',
    ]);
    await scene.pass(130_000);
    assert.deepEqual(log.take(), [], 'said once');
    await scene.open();
    // It counts once it has lasted for a second.
    await scene.pass(1000);
    assert.equal(engine.connection, 'up');
    const [line = ''] = log.take();
    assert.match(line, /^fleet: engine server0:6379 is back after 1[34]\ds$/u);
    assert.equal(engine.report().counts.reconnects, 1);
  });

  test('is tried again after 100 ms to 5 s, half of it random', async () => {
    const scene = await Scene.up();
    const { library } = scene;
    library.last.lose('gone');
    const pauses: number[] = [];
    for (let index = 0; index < 8; index += 1) {
      const { length } = library.attempts;
      let waited = 0;
      while (library.attempts.length === length) {
        await scene.pass(5, 5);
        waited += 5;
      }
      pauses.push(waited);
      library.last.refuse('connect ECONNREFUSED');
      await turn();
    }
    assert.deepEqual(pauses, [75, 150, 300, 600, 1200, 2400, 3750, 3750]);
  });

  test('tries its places in turn, and pauses after a round', async () => {
    const scene = new Scene(3);
    const { engine, library, log } = scene;
    engine.start();
    for (const message of ['it is no master', 'refused', 'refused']) {
      library.last.refuse(message);
      await turn();
    }
    assert.deepEqual(
      library.attempts.map(({ target }) => target),
      [0, 1, 2],
    );
    assert.equal(engine.connection, 'away');
    assert.deepEqual(log.take(), ['warning: fleet: engine server0:6379 is away (it is no master)']);
    await scene.pass(100);
    library.last.refuse('it is no master');
    await turn();
    await scene.open();
    assert.equal(engine.report().server, 'server1:6379');
  });

  test('gives up an attempt that takes too long, with a library that hangs', async () => {
    const scene = new Scene();
    scene.engine.start();
    await scene.pass(attemptSeconds * 1000 + 20);
    assert.equal(scene.library.attempts[0]!.isDestroyed, true);
    assert.deepEqual(scene.log.take(), [
      'warning: fleet: engine server0:6379 is away (no answer within 4 s)',
    ]);
    await scene.pass(100);
    assert.equal(scene.library.attempts.length, 2);
    // The one that was given up comes after all.
    scene.library.attempts[0]!.open();
    await turn();
    assert.equal(scene.engine.connection, 'away');
  });

  test('is given up when the engine says that it can not serve us', async () => {
    for (const words of ["READONLY You can't write against a read only replica", 'LOADING x']) {
      const scene = await Scene.up();
      const written = scene.engine.set('k', value, 1);
      scene.library.last.take('set').refuse(`${words}.`);
      await assert.rejects(written, { message: words });
      assert.equal(scene.engine.connection, 'away');
      assert.deepEqual(scene.log.take(), [
        `warning: fleet: engine server0:6379 is away (${words})`,
      ]);
    }
  });

  test('with a wrong password is tried every few seconds, and said once', async () => {
    const words = 'WRONGPASS invalid username-password pair or user is disabled';
    const scene = new Scene();
    const { engine, library, log } = scene;
    engine.start();
    // Other words may follow it.
    library.last.refuse(`${words}.`);
    await turn();
    assert.deepEqual(log.take(), [`error: fleet: engine server0:6379: ${words}`]);
    assert.equal(engine.report().reason, words);
    await scene.pass(3700);
    assert.equal(library.attempts.length, 1);
    await scene.pass(100);
    assert.equal(library.attempts.length, 2);
    library.last.refuse(words);
    await turn();
    assert.deepEqual(log.take(), []);
    await scene.pass(4000);
    await scene.open();
    await scene.pass(1000);
    assert.deepEqual(log.take(), ['fleet: engine server0:6379 is back after 8s']);
  });

  test('that is lost again and again within a second is tried ever more rarely, and said once', async () => {
    const scene = await Scene.up();
    const { library, log } = scene;
    for (let times = 0; times < 8; times += 1) {
      library.last.lose('CLUSTERDOWN Hash slot not served');
      await scene.open();
    }
    assert.deepEqual(log.take(), [
      'warning: fleet: engine server0:6379 is away (CLUSTERDOWN Hash slot not served)',
    ]);
    const attempts = library.attempts.length;
    library.last.lose('CLUSTERDOWN Hash slot not served');
    await scene.pass(2400);
    assert.equal(library.attempts.length, attempts);
  });

  test('is told of without the password, whoever quotes it', async () => {
    const scene = await Scene.up();
    const quoted =
      "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'sUpErSeCrEt'";
    scene.library.last.lose(quoted);
    await scene.open();
    await scene.pass(1000);
    const asked = assert.rejects(scene.engine.timeMs(), ({ message, cause }: Error) => {
      return message === 'WRONGTYPE ***' && cause === undefined;
    });
    scene.library.last.take('time').refuse('WRONGTYPE sUpErSeCrEt');
    await asked;
    assert.equal(scene.engine.report().reason, 'WRONGTYPE ***');
    const lines = scene.log.take();
    assert.equal(
      lines[0],
      "warning: fleet: engine server0:6379 is away (ERR unknown command 'HELLO')",
    );
    assert.equal(lines.at(-1), 'warning: fleet: engine server0:6379 fails at TIME: WRONGTYPE ***');
  });

  test('that answers a command with an error says so once, and once that it is over', async () => {
    const scene = await Scene.up();
    for (let times = 0; times < 3; times += 1) {
      const refused = assert.rejects(scene.engine.timeMs());
      scene.library.last.take('time').refuse('WRONGTYPE Operation against a key');
      await refused;
    }
    const answered = scene.engine.timeMs();
    scene.library.last.take('time').answer(5);
    await answered;
    assert.deepEqual(scene.log.take(), [
      'warning: fleet: engine server0:6379 fails at TIME: WRONGTYPE Operation against a key',
      'fleet: engine server0:6379 answers TIME again',
    ]);
    assert.equal(scene.engine.report().reason, '');
  });

  test('that fails for one key again and again says so once, and once more after a quiet minute', async () => {
    const scene = await Scene.up();
    const { engine, library, log } = scene;
    const read = async (reply: 'fails' | 'answers'): Promise<void> => {
      const asked = engine.get(['s:smtpd:k']);
      const call = library.last.take('get');
      if (reply === 'fails') {
        call.refuse('WRONGTYPE x');
        await assert.rejects(asked);
      } else {
        call.answer(value);
        await asked;
      }
    };
    const lines = [
      'warning: fleet: engine server0:6379 fails at GETRANGE: WRONGTYPE x',
      'fleet: engine server0:6379 answers GETRANGE again',
    ];
    for (let times = 0; times < 5; times += 1) {
      await read('fails');
      await read('answers');
    }
    assert.deepEqual(log.take(), lines);
    await scene.pass(61_000, 100);
    await read('fails');
    await read('answers');
    assert.deepEqual(log.take(), lines);
    await read('fails');
    assert.equal(engine.report().reason, 'WRONGTYPE x');
    await scene.pass(61_000, 100);
    await read('fails');
    assert.deepEqual(log.take(), lines.slice(0, 1), 'it lasts');
    engine.closeNow();
  });

  test('ends for good, and leaves no timer', async () => {
    const scene = await Scene.up();
    const asked = scene.engine.timeMs();
    scene.engine.closeNow();
    await assert.rejects(asked, EngineError);
    assert.equal(scene.engine.connection, 'closed');
    assert.equal(scene.library.last.isDestroyed, true);
    await scene.pass(20_000, 100);
    assert.equal(scene.library.attempts.length, 1);
    assert.equal(scene.timers.armed, 0);
    assert.deepEqual(scene.log.take(), []);
  });
});

describe('writes', () => {
  test('pause for ten seconds when the engine is full, and reads go on', async () => {
    const words = "OOM command not allowed when used memory > 'maxmemory'";
    const scene = await Scene.up();
    const { engine, library, log } = scene;
    const write = async (): Promise<void> => {
      const written = engine.set('k', value, 1);
      library.last.take('set').refuse(`${words}.`);
      await assert.rejects(written, { message: words });
    };
    await write();
    assert.deepEqual(log.take(), [`warning: fleet: engine server0:6379 refuses writes: ${words}`]);
    assert.deepEqual([engine.reads, engine.writes, engine.connection], ['open', 'paused', 'up']);
    assert.equal(engine.report().reason, words);
    await scene.pass(9900, 100);
    await assert.rejects(engine.set('k', value, 1), { message: 'writes are paused' });
    await scene.pass(200);
    await write();
    assert.deepEqual(log.take(), [], 'said once');
    await scene.pass(10_100, 100);
    const written = engine.set('k', value, 1);
    library.last.take('set').answer();
    await written;
    assert.deepEqual(log.take(), ['fleet: engine server0:6379 takes writes again']);
    assert.equal(engine.report().reason, '');
  });
});

describe('a right that we lack', () => {
  test('pauses what needs it for five seconds, and is said once', async () => {
    const words = "NOPERM this user has no permissions to run the 'get' command";
    const scene = await Scene.up();
    const { engine, library, log } = scene;
    for (const lines of [[`error: fleet: engine server0:6379: ${words}`], []]) {
      const read = engine.get(['k']);
      library.last.take('get').refuse(words);
      await assert.rejects(read, { message: words });
      assert.deepEqual(log.take(), lines);
      assert.deepEqual([engine.reads, engine.writes, engine.connection], ['paused', 'open', 'up']);
      await scene.pass(5100, 100);
      assert.equal(engine.reads, 'open');
    }
    const read = engine.get(['k']);
    library.last.take('get').answer(value);
    await read;
    assert.deepEqual(log.take(), ['fleet: engine server0:6379 allows GETRANGE again']);
  });

  test('to a command of ticket keys pauses nothing', async () => {
    const words = "NOPERM this user has no permissions to run the 'hsetnx' command";
    const { engine, library, log } = await Scene.up();
    const put = engine.putFieldOnce('h', 'f', value);
    library.last.take('hsetnx').refuse(words);
    await assert.rejects(put, { message: words });
    assert.deepEqual(log.take(), [`error: fleet: engine server0:6379: ${words}`]);
    assert.deepEqual([engine.reads, engine.writes], ['open', 'open']);
  });

  test('to some of the keys is said once, while others are answered', async () => {
    const words = 'NOPERM this user has no permissions to access one of the keys used as arguments';
    const scene = await Scene.up();
    const { engine, library, log } = scene;
    for (let times = 0; times < 3; times += 1) {
      const keys = engine.fields('k:tlsmgr:1800:1', 8);
      library.last.take('hscan').answer(new Map());
      await keys;
      const heartbeats = engine.fields('h', 8);
      library.last.take('hscan').refuse(words);
      await assert.rejects(heartbeats, { message: words });
      assert.equal(engine.report().reason, words);
    }
    assert.deepEqual(log.take(), [`error: fleet: engine server0:6379: ${words}`]);
    engine.closeNow();
  });

  test('to a command for all keys is said once', async () => {
    const words = "NOPERM this user has no permissions to run the 'hscan' command";
    const scene = await Scene.up();
    const { engine, library, log } = scene;
    for (const key of ['k:tlsmgr:1800:1', 'h', 'k:tlsmgr:1800:1', 'h']) {
      const fields = engine.fields(key, 8);
      library.last.take('hscan').refuse(words);
      await assert.rejects(fields, { message: words });
    }
    for (const key of ['k:tlsmgr:1800:1', 'h']) {
      const fields = engine.fields(key, 8);
      library.last.take('hscan').answer(new Map());
      await fields;
    }
    assert.deepEqual(log.take(), [
      `error: fleet: engine server0:6379: ${words}`,
      'fleet: engine server0:6379 allows HSCAN again',
    ]);
    engine.closeNow();
  });
});

describe('a listener', () => {
  test('is told of each change of connection, reads and writes, once', async () => {
    const scene = new Scene();
    const { engine, library } = scene;
    const seen: string[] = [];
    engine.onChange(() => seen.push(`${engine.connection} ${engine.reads} ${engine.writes}`));
    engine.start();
    await scene.open();
    const written = engine.set('k', value, 1);
    library.last.take('set').refuse('OOM full');
    await assert.rejects(written, EngineError);
    await scene.pass(10_100, 100);
    library.last.lose('gone');
    await scene.pass(100);
    library.last.refuse('refused');
    await turn();
    engine.closeNow();
    assert.deepEqual(seen, [
      'up open open',
      'up open paused',
      'up open open',
      'away open open',
      'closed open open',
    ]);
  });
});
