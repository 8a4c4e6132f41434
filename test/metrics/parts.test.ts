import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { acceptedFormat } from '../../src/metrics/accepted-format.ts';
import { Pace } from '../../src/metrics/pace.ts';
import { addressText, parseListenAddress } from '../../src/metrics/listen-address.ts';
import { TestClock } from '../log/scratch.ts';
import { notBuilt } from '../cli/standalone.ts';

describe('tlsmgr_metrics_listen', () => {
  for (const text of [
    '127.0.0.1:9100',
    '0.0.0.0:1',
    '[::1]:65535',
    '[fe80::1]:80',
    'localhost:9100',
    'mx-1.example.com:9100',
    '/run/tlsmgr/metrics',
  ]) {
    test(`takes ${text}, and tells it as written`, () => {
      const address = parseListenAddress(text);
      assert.ok(address !== undefined);
      assert.equal(addressText(address), text);
    });
  }

  for (const text of [
    '9100',
    ':9100',
    '*:9100',
    '::1:9100',
    '[::1]',
    '[127.0.0.1]:9100',
    '1.2.3:9100',
    '300.1.1.1:9100',
    'a..b:9100',
    'a_b:9100',
    '-a:9100',
    '127.0.0.1:09100000',
    '127.0.0.1:http',
    '127.0.0.1:9100 ',
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
  test('so many at once, then one after the other, and again after a rest', () => {
    const clock = new TestClock();
    const pace = new Pace(clock, 20, 3);
    const take = (times: number): number[] => Array.from({ length: times }, () => pace.take());
    assert.deepEqual(take(6), [0, 0, 0, 50, 100, 150]);
    clock.ms += 50;
    assert.deepEqual(take(2), [150, 200]);
    clock.ms += 1000;
    assert.deepEqual(take(4), [0, 0, 0, 50]);
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

  /** The files that main.js loads for master(8) and for `serve`. */
  function startedFrom(name: string): Map<string, string> {
    const main = [...loaded('main.js').values()].join('\n');
    const verbs = /import\("\.\/(verbs-[^"]+)"\)/u.exec(main)![1]!;
    const everything = `${main}\n${[...loaded(verbs).values()].join('\n')}`;
    const file = new RegExp(`import\\("\\./(${name}-[^"]+)"\\)`, 'u').exec(everything)![1]!;
    return loaded(file);
  }

  for (const name of ['run', 'serve']) {
    test(`${name}: neither prom-client nor node:http`, () => {
      const files = startedFrom(name);
      const text = [...files.values()].join('\n');
      assert.ok(text.includes('assembleServer'), 'the files are found');
      assert.doesNotMatch(text, /from "(?:prom-client|node:http)"/u);
      assert.match(text, /import\("\.\/endpoint-[^"]+"\)/u);
    });
  }

  test('and with them, both', () => {
    const endpoint = /import\("\.\/(endpoint-[^"]+)"\)/u.exec(
      [...startedFrom('run').values()].join('\n'),
    )![1]!;
    const text = [...loaded(endpoint).values()].join('\n');
    assert.match(text, /from "prom-client"/u);
    assert.match(text, /from "node:http"/u);
  });
});
