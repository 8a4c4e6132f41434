/** Nothing that a verb is told can do anything to the terminal. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { after, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { findingText } from '../../src/cli/findings/finding.ts';
import { screenLines } from '../../src/cli/status/screen.ts';
import { isUnprintable } from '../../src/log/printable.ts';
import { writeMainCf } from '../postfix/main-cf.ts';
import { announcement, type Attributes, FakeServer, listText, runHere } from './fake-server.ts';
import { certificateNamed } from './named-certificate.ts';
import { sampleReport } from './sample-report.ts';

/** Clears the screen by C0 and by C1, sets a title, turns what follows around, and ends the line. */
const hostile = '\u001b[2J\u009b2J\u001b]0;owned\u0007\u202egnp.exe\u2066\u200b\ufeff\u007f\r\nOK';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-terminal-'));
after(() => rmSync(folder, { recursive: true }));
const socket = join(folder, 'socket');
const onSocket = ['--socket', socket] as const;

const ourColours = new RegExp(String.raw`\x1b\[[0-9;]*m`, 'gu');

/** @param text what reaches the terminal. @param colours whether ours may be in it. */
function assertTame(text: string, colours = false): void {
  const rest = colours ? text.replaceAll(ourColours, '') : text;
  assert.equal(isUnprintable(rest.replaceAll('\n', '')), false, JSON.stringify(text));
}

/** The same value with this in every text and name of it. */
function poisoned<Value>(value: Value, poison: string): Value {
  const text = JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'string' ? part + poison : part,
  );
  return JSON.parse(text) as Value;
}

/** Serves these replies while `use` runs. */
async function withFake(
  reply: (request: string) => Attributes | undefined,
  use: () => Promise<void>,
): Promise<void> {
  const server = await FakeServer.start(socket, { greeting: listText(announcement), reply });
  try {
    await use();
  } finally {
    await server.stop();
  }
}

const policy: Attributes = [
  ['status', '0'],
  ['cachable', '1'],
  ['timeout', '3600'],
];
const seed: Attributes = [
  ['status', '0'],
  ['seed', Buffer.alloc(32, 1).toString('base64')],
];

function asOurs(report: unknown): (request: string) => Attributes | undefined {
  return (request) => {
    if (request === 'stats') {
      return [
        ['status', '0'],
        ['report', JSON.stringify(report)],
      ];
    }
    return request === 'policy' ? policy : seed;
  };
}

describe('the terminal obeys nothing that it is shown', () => {
  test('status, of a daemon that has such texts in every field', async () => {
    const report = poisoned(sampleReport(), hostile);
    report.problems = [{ severity: 'error', name: 'cache-off', text: hostile }];
    report.rates.byName = { [hostile]: 5 };
    report.log.last = { severity: 'warning', text: hostile, ageSeconds: 1 };
    await withFake(asOurs(report), async () => {
      const { status, out, err, screen } = await runHere('status', ...onSocket);
      assert.deepEqual([status, err], [2, '']);
      assertTame(screen, true);
      assert.match(out, /\\u001b\[2J\\u009b2J/u);
      const json = await runHere('status', '--json', ...onSocket);
      assertTame(json.out);
      assert.deepEqual(JSON.parse(json.out), { socket, ...report });
    });
    const names = [
      'cache-off',
      'cache-in-memory',
      'exchange-failing',
      'parameter-refused',
    ] as const;
    report.problems = names.map((name) => ({ severity: 'error', name, text: hostile }));
    await withFake(asOurs(report), async () => {
      const { status, out } = await runHere('check', '-c', '/nonexistent', ...onSocket);
      assert.equal(status, 2);
      assertTame(out);
      assert.match(out, /4 errors/u);
    });
    const look = { columns: 2000, colours: true, blocks: true };
    const lines = screenLines(report, hostile, look);
    for (const line of lines) {
      assertTame(line, true);
      assert.ok(!line.includes('\n'));
    }
  });

  test('list and its JSON, flush, and what a server refuses with', async () => {
    const listing = (bytes: unknown): Attributes => [
      ['status', '0'],
      [
        'entries',
        JSON.stringify([
          { id: Buffer.from(hostile).toString('base64'), bytes, stored: 1, expires: 2 },
        ]),
      ],
      ['cursor', ''],
    ];
    const ours = asOurs(sampleReport());
    for (const [bytes, ended] of [
      [5, 0],
      [hostile, 1],
    ]) {
      const reply = (request: string): Attributes | undefined =>
        request === 'list' ? listing(bytes) : ours(request);
      await withFake(reply, async () => {
        for (const args of [[], ['--json']]) {
          const { status, out, err } = await runHere('list', 'smtp', ...args, ...onSocket);
          assert.equal(status, ended);
          assertTame(out);
          assertTame(err);
        }
      });
    }
    await withFake(
      () => [[hostile, hostile]],
      async () => {
        for (const call of ['list smtp', 'flush smtp', 'seed', 'status']) {
          const [verb, ...args] = call.split(' ');
          const { status, out, err } = await runHere(verb!, ...args, ...onSocket);
          assert.deepEqual([status, out], [call === 'status' ? 3 : 1, ''], call);
          assertTame(err);
        }
      },
    );
  });

  test('show, of a session with a certificate of such names', { skip: noOpenssl() }, async () => {
    const session = await sessionWith('mx\u001b[2J\u009b2J\u202egro.elpmaxe\u200b');
    const found: Attributes = [
      ['status', '0'],
      ['session', session.toString('base64')],
    ];
    const ours = asOurs(sampleReport());
    const reply = (request: string): Attributes | undefined =>
      request === 'lookup' ? found : ours(request);
    await withFake(reply, async () => {
      const shown = await runHere('show', 'smtp', 'x', ...onSocket);
      assert.match(shown.out, /^peer +.*mx\\1B\[2J\\u009b2J\\u202egro\.elpmaxe\\u200b$/mu);
      assertTame(shown.out);
      const json = await runHere('show', 'smtp', 'x', '--json', ...onSocket);
      assertTame(json.out);
      assert.match(json.out, /mx\\\\1B\[2J\\u009b2J\\u202egro/u);
      const { peerCertificate } = JSON.parse(json.out) as { peerCertificate: { subject: string } };
      assert.match(peerCertificate.subject, /mx\\1B\[2J\u009b2J\u202egro\.elpmaxe\u200b/u);
    });
  });

  test('errors: of arguments, of sockets, of main.cf', async () => {
    writeMainCf(join(folder, 'main.cf'), { tls_random_bytes: '1\u009b2J\u202e\u00a0' });
    const calls = [
      [hostile],
      ['list', hostile],
      ['seed', hostile],
      ['status', `--${hostile}`],
      ['status', '--socket', `/nonexistent/${hostile}`],
      ['status', '--ticket', `/nonexistent/${hostile}`],
      ['config', hostile, '-c', folder],
      ['config', 'tls_random_bytes', '-c', folder],
      ['check', '-c', folder],
      ['check', '--json', '-c', folder],
    ];
    for (const [verb, ...args] of calls) {
      const { out, err } = await runHere(verb!, ...args);
      assert.ok(out + err !== '');
      assertTame(out);
      assertTame(err);
      // A line that only looks like ours.
      assert.ok(!/^OK/mu.test(err), err);
    }
  });

  test('a finding stays in its lines', () => {
    const finding = { severity: 'note', name: 'x', text: hostile, remedy: hostile } as const;
    assert.equal(findingText(finding).split('\n').length, 3);
  });

  test('any bytes, as text and as JSON', async () => {
    let poison = '';
    const report = (): unknown => poisoned(sampleReport(), poison);
    await withFake(
      (request) => asOurs(report())(request),
      async () => {
        const bytes = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array().map(latin1));
        await fc.assert(
          fc.asyncProperty(bytes, async (text) => {
            poison = text;
            const shown = await runHere('status', ...onSocket);
            assertTame(shown.out, false);
            const json = await runHere('status', '--json', ...onSocket);
            assertTame(json.out);
            assert.deepEqual(
              JSON.parse(json.out),
              JSON.parse(JSON.stringify({ socket, ...(report() as object) })),
            );
          }),
          { numRuns: 60 },
        );
      },
    );
  });
});

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function noOpenssl(): string | false {
  return spawnSync('openssl', ['version']).status === 0 ? false : 'no openssl program';
}

/** A client's session of OpenSSL with a server whose certificate has that name. */
async function sessionWith(commonName: string): Promise<Buffer> {
  const server = createServer(certificateNamed(commonName));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  const session = await new Promise<Buffer>((resolve, reject) => {
    client.once('session', resolve).once('error', reject);
  });
  client.destroy();
  server.close();
  return session;
}
