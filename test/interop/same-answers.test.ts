import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AttributeClient, announcement, request, valueOf } from '../postfix/attribute-client.ts';
import { StandInMaster } from '../postfix/stand-in-master.ts';
import {
  originalTlsmgr,
  requireBuilt,
  skipWithoutPostfix,
  testsOurs,
  tlsmgrUnderTest,
} from '../postfix/under-test.ts';
import { masked } from './masked.ts';
import {
  complaints,
  type Exchange,
  script,
  scriptSettings,
  scriptWithoutCache,
  scriptWithoutLifetime,
} from './script.ts';

interface Pair {
  original: StandInMaster;
  tested: StandInMaster;
}

async function startBoth(mainCf: Record<string, string>): Promise<Pair> {
  const [original, tested] = await Promise.all(
    [originalTlsmgr, tlsmgrUnderTest].map(async (daemon) =>
      StandInMaster.start({ daemon, mainCf }),
    ),
  );
  return { original: original!, tested: tested! };
}

function stopBoth(pair: Pair | undefined): void {
  pair?.original.cleanup();
  pair?.tested.cleanup();
}

/** All that comes back for these bytes, the announcement checked and left out. */
async function converse(master: StandInMaster, bytes: string): Promise<string> {
  const client = await AttributeClient.greeted(master.socketPath);
  try {
    client.send(bytes);
    client.sendEnd();
    return await client.readToEnd();
  } finally {
    client.close();
  }
}

/** A text that shows NULs, and not all of 60 kB. */
function readable(text: string): string {
  const visible = text.replaceAll('\0', '|');
  return visible.length > 400 ? `${visible.slice(0, 400)}… (${visible.length})` : visible;
}

function assertReply(got: string, expected: string | RegExp, who: string): void {
  const fits = typeof expected === 'string' ? masked(got) === expected : expected.test(got);
  assert.ok(fits, `${who} answers\n  ${readable(got)}\nand not\n  ${readable(String(expected))}`);
}

function runScript(exchanges: readonly Exchange[], settings: Record<string, string>): void {
  let pair: Pair;

  before(async () => {
    requireBuilt();
    pair = await startBoth(settings);
  });
  after(() => stopBoth(pair));

  for (const { what, send, reply, original } of exchanges) {
    test(what, async () => {
      const [gotOriginal, got] = await Promise.all([
        converse(pair.original, send),
        converse(pair.tested, send),
      ]);
      assertReply(gotOriginal, original ?? reply, "Postfix's tlsmgr");
      assertReply(got, testsOurs ? reply : (original ?? reply), 'the one under test');
    });
  }
}

describe("the same script to Postfix's tlsmgr and ours", { skip: skipWithoutPostfix }, () => {
  runScript(script, scriptSettings);
});

describe("the same script with smtpd's lifetime 0", { skip: skipWithoutPostfix }, () => {
  runScript(scriptWithoutLifetime, { smtpd_tls_session_cache_timeout: '0' });
});

describe("the same script with smtpd's cache off", { skip: skipWithoutPostfix }, () => {
  runScript(scriptWithoutCache, { smtpd_tls_session_cache_database: '' });
});

describe("what Postfix's tlsmgr and ours do over time", { skip: skipWithoutPostfix }, () => {
  let pair: Pair;
  let both: (readonly [who: string, master: StandInMaster])[];

  before(async () => {
    requireBuilt();
    pair = await startBoth(scriptSettings);
    both = [
      ["Postfix's", pair.original],
      ['the one under test', pair.tested],
    ];
  });
  after(() => stopBoth(pair));

  test('the announcement comes first, byte for byte', async () => {
    for (const [who, master] of both) {
      const client = await AttributeClient.connect(master.socketPath);
      assert.equal(await client.readList(), announcement, who);
      client.close();
    }
  });

  test("a whole conversation of smtpd's on one connection", async () => {
    for (const [who, master] of both) {
      const client = await AttributeClient.greeted(master.socketPath);
      const id = `${'0A'.repeat(32)}&s=smtp&l=805306720`;
      const cache = ['cache_type', 'smtpd', 'cache_id', id] as const;
      const replies: string[] = [];
      for (const bytes of [
        request('seed', 'size', '32'),
        request('policy', 'cache_type', 'smtpd'),
        request('seed', 'size', '32'),
        request('tktkey', 'keyname', ''),
        request('lookup', ...cache),
        request('update', ...cache, 'session', 'MIGKAgEB'),
        request('lookup', ...cache),
        request('delete', ...cache),
      ]) {
        replies.push(masked(await client.ask(bytes)));
      }
      assert.deepEqual(
        replies.map((reply) => reply.replaceAll('\0', '|')),
        [
          'status|0|seed|<32 bytes>||',
          'status|0|cachable|1|timeout|3600||',
          'status|0|seed|<32 bytes>||',
          'status|0|keybuf|<88 bytes>||',
          'status|4294967295|session|||',
          'status|0||',
          'status|0|session|MIGKAgEB||',
          'status|0||',
        ],
        who,
      );
      client.close();
    }
  });

  test('seeds are never the same', async () => {
    for (const [who, master] of both) {
      const seeds = new Set<string>();
      const client = await AttributeClient.greeted(master.socketPath);
      for (let round = 0; round < 50; round += 1) {
        seeds.add(valueOf(await client.ask(request('seed', 'size', '32')), 'seed'));
      }
      client.close();
      assert.equal(seeds.size, 50, who);
    }
  });

  test('a ticket key: the same until it expires, found by its name, in the layout of 88 bytes', async () => {
    for (const [who, master] of both) {
      const client = await AttributeClient.greeted(master.socketPath);
      const beforeSeconds = Math.floor(Date.now() / 1000);
      const current = await client.ask(request('tktkey', 'keyname', ''));
      const afterSeconds = Math.floor(Date.now() / 1000);
      const bytes = Buffer.from(valueOf(current, 'keybuf'), 'base64');
      assert.equal(bytes.length, 88, who);
      const name = bytes.subarray(0, 16).toString('base64');
      assert.equal(await client.ask(request('tktkey', 'keyname', name)), current, who);
      assert.equal(await client.ask(request('tktkey', 'keyname', '')), current, who);
      const expiry = Number(bytes.readBigInt64LE(80));
      // The key may be older than this test: made since the pair was started, a minute ago at most.
      assert.ok(expiry <= afterSeconds + 1799 && expiry > beforeSeconds + 1799 - 60, who);
      assert.notEqual(bytes.toString('latin1', 16, 48), bytes.toString('latin1', 48, 80), who);
      client.close();
    }
  });

  test('the same complaints in the log', async () => {
    for (const { send } of complaints) {
      await Promise.all(both.map(async ([, master]) => converse(master, send)));
    }
    const expected = complaints.map(({ text }) => `postfix/tlsmgr: warning: ${text}`);
    for (const [who, master] of both) {
      master.letGo();
      await master.ended;
      // The original quotes up to 100 bytes of somebody's session there.
      const lines = master.logged.map((line) =>
        line.replace(/(malformed base64 .* value): .*/u, '$1'),
      );
      assert.deepEqual(lines, expected, who);
    }
  });
});
