import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PostfixInstance } from './instance.ts';
import { sendMail } from './smtp-client.ts';
import { startTls } from './tls-client.ts';
import { requireBuilt, skipWithoutPostfix, tlsmgrUnderTest } from './under-test.ts';

describe('TLS sessions under a real Postfix', { skip: skipWithoutPostfix }, () => {
  let postfix: PostfixInstance;

  before(async () => {
    requireBuilt();
    postfix = await PostfixInstance.create({ tlsmgr: tlsmgrUnderTest });
    await postfix.start();
  });

  after(() => postfix?.cleanup());

  /** Process numbers of the smtpd that said these lines of the log. */
  function smtpdPids(pattern: RegExp, from: number): Set<string> {
    const lines = postfix.logLines(pattern).slice(from);
    return new Set(lines.map((line) => /smtpd\[(\d+)\]/u.exec(line)![1]!));
  }

  async function countOfConnects(atLeast: number): Promise<number> {
    return (await postfix.waitForLog(connected, atLeast)).length;
  }

  const connected = /smtpd\[\d+\]: connect from/u;

  test('TLS 1.2 without tickets: 5 of 5 sessions are reused, each in a process of its own', async () => {
    const from = postfix.logLines(connected).length;
    const { kinds, output } = await startTls(postfix.port, ['-tls1_2', '-no_ticket', '-reconnect']);
    assert.deepEqual(
      kinds,
      ['New', 'Reused', 'Reused', 'Reused', 'Reused', 'Reused'],
      `${output}\n${postfix.log()}`,
    );
    await countOfConnects(from + 6);
    assert.equal(smtpdPids(connected, from).size, 6);
  });

  for (const version of ['-tls1_2', '-tls1_3']) {
    test(`a ticket of ${version.slice(1)} from one smtpd resumes in another`, async () => {
      const file = join(postfix.directory, `session${version}`);
      const from = postfix.logLines(connected).length;
      const first = await startTls(postfix.port, [version, '-sess_out', file]);
      assert.deepEqual(first.kinds, ['New'], `${first.output}\n${postfix.log()}`);
      const second = await startTls(postfix.port, [version, '-sess_in', file]);
      assert.deepEqual(second.kinds, ['Reused'], `${second.output}\n${postfix.log()}`);
      await countOfConnects(from + 2);
      assert.equal(smtpdPids(connected, from).size, 2);
    });
  }

  test("Postfix's own client reuses its session with a second Postfix", async () => {
    const sender = await PostfixInstance.create({
      tlsmgr: tlsmgrUnderTest,
      name: 'sender',
      mainCf: {
        default_transport: 'smtp',
        relayhost: `[127.0.0.1]:${postfix.port}`,
        smtp_tls_security_level: 'encrypt',
        smtp_tls_loglevel: '2',
      },
    });
    try {
      await sender.start();
      const sent = /smtp\[\d+\]: \w+: to=.*status=sent/u;
      for (const number of [1, 2, 3]) {
        await sendMail(sender.port, 'somebody@elsewhere.example', `Mail ${number}`);
        await sender.waitForLog(sent, number);
      }
      const deliverers = sender.logLines(sent).map((line) => /smtp\[(\d+)\]/u.exec(line)![1]!);
      assert.equal(new Set(deliverers).size, 3, 'each mail by a process of its own');
      const reusing = sender
        .logLines(/Reusing old session/u)
        .map((line) => /smtp\[(\d+)\]/u.exec(line)![1]!);
      assert.deepEqual(reusing, deliverers.slice(1), sender.log());
      assertQuiet(sender);
    } finally {
      sender.cleanup();
    }
  });

  test('after all this nobody has complained', () => {
    assertQuiet(postfix);
  });
});

function assertQuiet(instance: PostfixInstance): void {
  assert.deepEqual(instance.complaints(), [], instance.log());
}
