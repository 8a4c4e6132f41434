import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { acceptedFormat } from '../../src/metrics/accepted-format.ts';
import { Pace } from '../../src/metrics/pace.ts';
import { addressText, parseListenAddress } from '../../src/config/listen-address.ts';
import { Places } from '../../src/metrics/places.ts';
import { TestClock, TestTimers } from '../log/scratch.ts';
import { notBuilt } from '../cli/standalone.ts';

describe('tlsmgr_metrics_listen', () => {
  for (const text of [
    '127.0.0.1:19465',
    '0.0.0.0:1',
    '[::1]:65535',
    '[fe80::1]:80',
    'localhost:19465',
    'mx-1.example.com:19465',
    '/run/tlsmgr/metrics',
  ]) {
    test(`takes ${text}, and tells it as written`, () => {
      const address = parseListenAddress(text);
      assert.ok(address !== undefined);
      assert.equal(addressText(address), text);
    });
  }

  for (const text of [
    '19465',
    ':19465',
    '*:19465',
    '::1:19465',
    '[::1]',
    '[127.0.0.1]:19465',
    '1.2.3:19465',
    '300.1.1.1:19465',
    'a..b:19465',
    'a_b:19465',
    '-a:19465',
    '127.0.0.1:019465000',
    '127.0.0.1:http',
    '127.0.0.1:19465 ',
    'run/metrics',
    'unix:/run/metrics',
    '/run/metrics/',
    `/${'a'.repeat(107)}`,
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(parseListenAddress(text), undefined);
    });
  }
});

describe('the format that is asked for', () => {
  for (const [accept, format] of [
    [undefined, 'text'],
    ['*/*', 'text'],
    ['text/html,*/*;q=0.8', 'text'],
    ['application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics'],
    ['application/openmetrics-text;version=0.0.1', 'text'],
    ['application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.5', 'text'],
    ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.5', 'openmetrics'],
    ['application/openmetrics-text;q=0', 'text'],
    ['application/openmetrics-text;q=x', 'text'],
    [';;,,=', 'text'],
  ] as const) {
    test(`${String(accept)}: ${format}`, () => assert.equal(acceptedFormat(accept), format));
  }
});

describe('the pace of answers', () => {
  function paced(): { pace: Pace; timers: TestTimers; begun: string[]; ask: Asks } {
    const clock = new TestClock();
    const timers = new TestTimers(clock);
    const pace = new Pace(clock, 20, 3, timers.schedule);
    const begun: string[] = [];
    const startMs = clock.ms;
    const ask: Asks = (name) => pace.ask(() => begun.push(`${name} ${clock.ms - startMs}`));
    return { pace, timers, begun, ask };
  }
  type Asks = (name: string) => () => void;

  test('so many at once, then one after the other, and again after a rest', () => {
    const { timers, begun, ask } = paced();
    for (const name of 'abcdef') {
      ask(name);
    }
    assert.deepEqual(begun, ['a 0', 'b 0', 'c 0']);
    timers.advance(149);
    assert.deepEqual(begun.slice(3), ['d 50', 'e 100']);
    timers.advance(1851);
    for (const name of 'ghij') {
      ask(name);
    }
    timers.advance(100);
    assert.deepEqual(begun.slice(5), ['f 150', 'g 2000', 'h 2000', 'i 2000', 'j 2050']);
  });

  test('who gives up takes no turn, however many they are', () => {
    const { pace, timers, begun, ask } = paced();
    for (let times = 0; times < 60_000; times += 1) {
      ask('gone')();
    }
    assert.equal(begun.length, 3);
    assert.equal(pace.waiting, 0);
    const giveUp = ask('first');
    ask('second');
    giveUp();
    timers.advance(50);
    assert.deepEqual(begun.slice(3), ['second 50']);
    assert.equal(timers.armed, 0);
    giveUp();
  });
});

describe('places for connections', () => {
  function full(...addresses: string[]): Places<number> {
    const places = new Places<number>(addresses.length);
    for (const [index, address] of addresses.entries()) {
      assert.equal(places.enter(index, address), undefined);
    }
    return places;
  }

  test('the one that has asked nothing for longest makes room', () => {
    const places = full('a', 'a', 'a');
    places.asks(0);
    assert.equal(places.enter(9, 'a'), 1);
    assert.deepEqual(
      [0, 1, 2, 9].map((holder) => places.has(holder)),
      [true, false, true, true],
    );
    places.leave(2);
    assert.equal(places.enter(10, 'a'), undefined);
  });

  test('who has had an answer makes room, though it asks again', () => {
    const places = full('a', 'a', 'a');
    for (const holder of [0, 1, 2]) {
      places.asks(holder);
    }
    places.serve(1);
    places.serve(0);
    places.asks(1);
    assert.equal(places.enter(9, 'a'), 1);
  });

  test('among equals that all wait for their first answer the newcomer has to go', () => {
    const places = full('a', 'a', 'b', 'b');
    for (const holder of [0, 1, 2, 3]) {
      places.asks(holder);
    }
    assert.equal(places.enter(9, 'a'), 9);
    assert.equal(places.has(9), false);
  });

  test('a crowd of one address makes room for another, and never the other way', () => {
    const places = full('crowd', 'crowd', 'crowd', 'b');
    for (const holder of [0, 1, 2]) {
      places.asks(holder);
    }
    assert.equal(places.enter(9, 'crowd'), 9);
    assert.equal(places.enter(10, 'c'), 2);
    // Two are left of it, and of others as many as the newcomer would have.
    assert.equal(places.enter(11, 'c'), 11);
    assert.equal(places.has(3), true);
  });
});

describe('what a daemon without metrics loads', { skip: notBuilt }, () => {
  const program = join(import.meta.dirname, '../../dist/program');

  /** What follows from loading a file: without what it loads when it is asked to. */
  function loaded(file: string, seen = new Map<string, string>()): Map<string, string> {
    if (!seen.has(file)) {
      const text = readFileSync(join(program, file), 'utf8');
      seen.set(file, text);
      for (const [, next] of text.matchAll(/^(?:import|\} from) .*?"\.\/([^"]+)";$/gmu)) {
        loaded(next!, seen);
      }
      for (const [, next] of text.matchAll(/^\} from "\.\/([^"]+)";$/gmu)) {
        loaded(next!, seen);
      }
    }
    return seen;
  }

  /** The files that are loaded for a verb: others may have files of this name too. */
  function startedFrom(name: string): Map<string, string> {
    const daemon = readdirSync(program)
      .filter((file) => file.startsWith(`${name}-`) && file.endsWith('.mjs'))
      .map((file) => loaded(file))
      .find((files) => [...files.values()].join('\n').includes('assembleTlsmgr'));
    assert.ok(daemon !== undefined, 'the files are found');
    return daemon;
  }

  test('serve: neither prom-client nor node:http', () => {
    const files = startedFrom('serve');
    const text = [...files.values()].join('\n');
    assert.doesNotMatch(text, /from "(?:prom-client|node:http)"/u);
    assert.match(text, /import\("\.\/endpoint-[^"]+"\)/u);
  });

  test('under master(8): neither', () => {
    const daemon = join(program, 'daemon.js');
    for (const name of ['prom-client', 'node:http']) {
      assert.ok(readFileSync(daemon, 'utf8').includes(`require("${name}")`), name);
    }
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        '--eval',
        `const { loadCompiled } = require(${JSON.stringify(join(program, '../system/code-cache.js'))});
         loadCompiled(${JSON.stringify(daemon)});
         const loaded = [...process.moduleLoadList, ...Object.keys(require.cache)];
         console.log(loaded.filter((name) => / http$|prom-client/u.test(name)));`,
      ],
      { encoding: 'utf8' },
    );
    assert.deepEqual([stdout, stderr], ['[]\n', '']);
  });

  test('and with them, both', () => {
    const endpoint = /import\("\.\/(endpoint-[^"]+)"\)/u.exec(
      [...startedFrom('serve').values()].join('\n'),
    )![1]!;
    const text = [...loaded(endpoint).values()].join('\n');
    assert.match(text, /from "prom-client"/u);
    assert.match(text, /from "node:http"/u);
  });
});
