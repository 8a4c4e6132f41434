import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { certificate } from './certificate.ts';
import { freePort, type InstanceOptions, PostfixInstance } from './instance.ts';
import { LmtpServer } from './lmtp-server.ts';
import { sendMail } from './smtp-client.ts';
import { SmtpSession } from './smtp-session.ts';
import { startTls } from './tls-client.ts';
import { requireBuilt, skipWithoutPostfix, tlsmgrUnderTest } from './under-test.ts';

const resumption = ['-tls1_2', '-no_ticket', '-reconnect'];
const fiveReused = ['New', 'Reused', 'Reused', 'Reused', 'Reused', 'Reused'];

async function withInstance(
  options: Partial<InstanceOptions>,
  run: (instance: PostfixInstance) => Promise<void>,
): Promise<void> {
  const instance = await PostfixInstance.create({ tlsmgr: tlsmgrUnderTest, ...options });
  try {
    await instance.start();
    await run(instance);
    assert.deepEqual(instance.complaints(), [], instance.log());
  } finally {
    instance.cleanup();
  }
}

/** Sends three mails, one after the other is delivered. */
async function sendThree(sender: PostfixInstance, deliverer: string): Promise<void> {
  const sent = new RegExp(`${deliverer}\\[\\d+\\]: \\w+: to=.*status=sent`, 'u');
  for (const number of [1, 2, 3]) {
    await sendMail(sender.port, 'somebody@elsewhere.example', `Mail ${number}`);
    await sender.waitForLog(sent, number);
  }
}

/** Process numbers in lines of the log, in order. */
function processesOf(instance: PostfixInstance, pattern: RegExp): string[] {
  return instance.logLines(pattern).map((line) => /\/\w+\[(\d+)\]/u.exec(line)![1]!);
}

describe('further clients of tlsmgr under a real Postfix', { skip: skipWithoutPostfix }, () => {
  before(requireBuilt);

  test('lmtp keeps its sessions in a cache of its own', async () => {
    const server = await LmtpServer.start(await certificate());
    const mainCf = {
      default_transport: `lmtp:inet:127.0.0.1:${server.port}`,
      lmtp_tls_security_level: 'encrypt',
      lmtp_tls_loglevel: '2',
      lmtp_tls_session_cache_database: 'btree:$data_directory/lmtp_scache',
      lmtp_connection_cache_on_demand: 'no',
    };
    const masterCf = ['lmtp unix - - n - - lmtp -o max_use=1'];
    try {
      await withInstance({ mainCf, masterCf }, async (sender) => {
        await sendThree(sender, 'lmtp');
        const deliverers = processesOf(sender, /lmtp\[\d+\]: \w+: to=.*status=sent/u);
        assert.equal(new Set(deliverers).size, 3, 'each mail by a process of its own');
        const reusing = processesOf(sender, /lmtp\[\d+\]: .*Reusing old session/u);
        assert.deepEqual(reusing, deliverers.slice(1), sender.log());
      });
    } finally {
      server.close();
    }
  });

  const tlsproxy = 'tlsproxy unix - - n - 0 tlsproxy';

  test('tlsproxy does the TLS of the smtp client', async () => {
    await withInstance({}, async (receiver) => {
      const mainCf = {
        default_transport: 'smtp',
        relayhost: `[127.0.0.1]:${receiver.port}`,
        smtp_tls_security_level: 'encrypt',
        smtp_tls_loglevel: '2',
        smtp_tls_connection_reuse: 'yes',
      };
      await withInstance({ name: 'sender', mainCf, masterCf: [tlsproxy] }, async (sender) => {
        await sendThree(sender, 'smtp');
        // It keeps no session itself: each time it asks.
        const reloaded = sender.logLines(/tlsproxy\[\d+\]: .*reloaded session .* from smtp cache/u);
        assert.equal(reloaded.length, 2, sender.log());
        const reusing = sender.logLines(/tlsproxy\[\d+\]: .*Reusing old session/u);
        assert.equal(reusing.length, 2, sender.log());
      });
    });
  });

  test('tlsproxy does the TLS of postscreen', async () => {
    const port = await freePort();
    const mainCf = {
      postscreen_access_list: '',
      postscreen_greet_wait: '1s',
      postscreen_cache_map: 'btree:$data_directory/postscreen_cache',
      // Makes postscreen talk to the client itself.
      postscreen_bare_newline_enable: 'yes',
      postscreen_bare_newline_action: 'enforce',
    };
    const postscreen = `127.0.0.1:${port} inet n - n - 1 postscreen`;
    const masterCf = [postscreen, 'smtpd pass - - n - - smtpd', tlsproxy];
    await withInstance({ mainCf, masterCf }, async (postfix) => {
      const { kinds, output } = await startTls(port, resumption);
      assert.deepEqual(kinds, fiveReused, `${output}\n${postfix.log()}`);
      const reloaded = /tlsproxy\[\d+\]: .*reloaded session .* from smtpd cache/u;
      await postfix.waitForLog(reloaded, 5);
    });
  });

  test('an SMTP session that a reload has cut from its tlsmgr still gets TLS', async () => {
    await withInstance({}, async (postfix) => {
      const session = await SmtpSession.open(postfix.port);
      try {
        const pid = postfix.tlsmgrPid();
        assert.ok(pid !== undefined, postfix.log());
        await postfix.reload();
        assert.equal(await session.startTls(), '250 2.0.0 Ok');
        assert.notEqual(postfix.tlsmgrPid(), pid);
      } finally {
        session.close();
      }
    });
  });
});
