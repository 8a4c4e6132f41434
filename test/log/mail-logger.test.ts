import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { FatalError } from '../../src/errors.ts';
import { consoleLogger } from '../../src/log/console-logger.ts';
import { type LogSettings, MailLogger } from '../../src/log/mail-logger.ts';
import { DatagramCollector } from './collector.ts';
import { scratchDirectory, TestClock } from './scratch.ts';

const directory = scratchDirectory();
const syslogPath = join(directory, 'log');
const postlogPath = join(directory, 'postlog');
const earlyPostlogPath = join(directory, 'early');
const program = '/usr/lib/postfix/sbin/tlsmgr';
const settings: LogSettings = {
  syslogName: 'postfix-out',
  syslogFacility: 'local3',
  maillogFile: '',
  postlogSocket: postlogPath,
  hostname: 'mx.example.com',
  keepUtf8: true,
};
const pid = `[${process.pid}]:`;

/** The lines without their time. */
function textsOf(collector: DatagramCollector): string[] {
  return collector.all().map((line) => line.replace(/[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d /, ''));
}

function withCollectors(
  environment: Record<string, string>,
  run: (
    log: MailLogger,
    read: () => { syslog: string[]; postlog: string[]; early: string[] },
  ) => void,
): void {
  const [syslog, postlog, early] = [syslogPath, postlogPath, earlyPostlogPath].map(
    (path) => new DatagramCollector(path),
  ) as [DatagramCollector, DatagramCollector, DatagramCollector];
  const log = new MailLogger({ program, environment, syslogPath, clock: new TestClock() });
  try {
    run(log, () => ({ syslog: textsOf(syslog), postlog: textsOf(postlog), early: textsOf(early) }));
  } finally {
    log.close();
    for (const collector of [syslog, postlog, early]) {
      collector.close();
    }
  }
}

describe('the log of the daemon', () => {
  test('goes to syslog before main.cf is read, as mail, in ASCII', () => {
    withCollectors({}, (log, read) => {
      log.warning('é');
      const syslog = [`<20>postfix/tlsmgr${pid} warning: ??`];
      assert.deepEqual(read(), { syslog, postlog: [], early: [] });
    });
  });

  test('takes MAIL_LOGTAG and POSTLOG_SERVICE from the environment', () => {
    const environment = { MAIL_LOGTAG: 'out', POSTLOG_SERVICE: earlyPostlogPath };
    withCollectors(environment, (log, read) => {
      log.info('x');
      assert.deepEqual(read(), { syslog: [], postlog: [], early: [`amnesiac out/tlsmgr${pid} x`] });
    });
    const named = { POSTLOG_SERVICE: earlyPostlogPath, POSTLOG_HOSTNAME: 'a.b' };
    withCollectors(named, (log, read) => {
      log.info('x');
      assert.deepEqual(read().early, [`a postfix/tlsmgr${pid} x`]);
    });
    withCollectors({ POSTLOG_SERVICE: '' }, (log, read) => {
      log.info('x');
      assert.deepEqual(read().syslog, [`<22>postfix/tlsmgr${pid} x`]);
    });
  });

  test('gives syslogd a datagram a line, even where the environment names it as postlogd', () => {
    withCollectors({ POSTLOG_SERVICE: syslogPath }, (log, read) => {
      log.reopen(settings);
      log.info('x', 'soon');
      log.info('y', 'soon');
      log.drainNow(100);
      const syslog = ['x', 'y'].map((text) => `<158>postfix-out/tlsmgr${pid} ${text}`);
      assert.deepEqual(read().syslog, syslog);
    });
  });

  test('leaves the early lines to syslog when the path of postlog is too long', () => {
    withCollectors({ POSTLOG_SERVICE: `/${'x'.repeat(107)}` }, (log, read) => {
      log.info('x');
      assert.deepEqual(read().syslog, [`<22>postfix/tlsmgr${pid} x`]);
    });
  });

  test('goes over to what main.cf says, never to both', () => {
    withCollectors({}, (log, read) => {
      log.reopen(settings);
      log.info('é');
      const syslog = [`<${19 * 8 + 6}>postfix-out/tlsmgr${pid} é`];
      assert.deepEqual(read(), { syslog, postlog: [], early: [] });

      log.reopen({ ...settings, maillogFile: '/var/log/mail' });
      log.info('x');
      const postlog = [`mx postfix-out/tlsmgr${pid} x`];
      assert.deepEqual(read(), { syslog: [], postlog, early: [] });
    });
    withCollectors({ POSTLOG_SERVICE: earlyPostlogPath }, (log, read) => {
      log.reopen(settings);
      log.info('x');
      const syslog = [`<${19 * 8 + 6}>postfix-out/tlsmgr${pid} x`];
      assert.deepEqual(read(), { syslog, postlog: [], early: [] });
    });
    withCollectors({ POSTLOG_SERVICE: postlogPath }, (log, read) => {
      log.reopen({ ...settings, maillogFile: '/var/log/mail', hostname: 'Other' });
      log.info('x');
      const postlog = [`Other postfix-out/tlsmgr${pid} x`];
      assert.deepEqual(read(), { syslog: [], postlog, early: [] });
    });
  });

  for (const [change, later] of [
    ['the same socket', settings],
    ['another socket', { ...settings, maillogFile: '/var/log/mail' }],
  ] as const) {
    test(`what waits when the log goes over to ${change} still gets out`, () => {
      withCollectors({}, (log, read) => {
        for (let number = 0; number < 400; number += 1) {
          log.info(`${number}`);
        }
        log.reopen(later);
        log.info('last');
        const syslog: string[] = [];
        const postlog: string[] = [];
        for (let drained = false; !drained;) {
          drained = log.drainNow(0);
          const got = read();
          syslog.push(...got.syslog);
          postlog.push(...got.postlog);
        }
        assert.equal(syslog[399], `<22>postfix/tlsmgr${pid} 399`);
        assert.deepEqual(
          [...syslog.slice(400), ...postlog],
          [
            change === 'the same socket'
              ? `<${19 * 8 + 6}>postfix-out/tlsmgr${pid} last`
              : `mx postfix-out/tlsmgr${pid} last`,
          ],
        );
      });
    });
  }

  test('logs the first fatal or panic only, and drains', () => {
    withCollectors({}, (log, read) => {
      log.fatal('first');
      log.fatal('second');
      log.panic('third');
      log.error('an error is no end');
      assert.equal(log.drainNow(1000), true);
      assert.deepEqual(read().syslog, [
        `<18>postfix/tlsmgr${pid} fatal: first`,
        `<19>postfix/tlsmgr${pid} error: an error is no end`,
      ]);
    });
  });

  test('lines of many leave together: before the next line, and at the end of the process', () => {
    withCollectors({}, (log, read) => {
      log.info('one', 'soon');
      log.info('two\n', 'soon');
      assert.deepEqual(read().syslog, []);
      log.warning('three');
      log.info('four', 'soon');
      const texts = ['<22>one', '<22>two?', '<20>warning: three'];
      const lines = texts.map((text) => text.replace('>', `>postfix/tlsmgr${pid} `));
      assert.deepEqual(read().syslog, lines);
      assert.equal(log.drainNow(1000), true);
      assert.deepEqual(read().syslog, [`<22>postfix/tlsmgr${pid} four`]);
    });
  });

  test('drainNow says when a line is left', () => {
    const log = new MailLogger({
      program,
      environment: {},
      syslogPath: join(directory, 'nobody'),
    });
    log.error('x');
    assert.equal(log.drainNow(60_000), false, 'nobody is waited for');
    log.fatal('x');
    assert.equal(log.drainNow(20), false);
    log.close();
  });

  test('long and unprintable text is cut and cleaned, the tag too', () => {
    withCollectors({ MAIL_LOGTAG: 'a\nb' }, (log, read) => {
      log.warning(`x\n${'y'.repeat(5000)}`);
      assert.deepEqual(read().syslog, [`<20>a?b/tlsmgr${pid} warning: x?${'y'.repeat(1998)}`]);
    });
  });

  test('a path of postlog that is too long is fatal, and the log stays where it was', () => {
    withCollectors({}, (log, read) => {
      const postlogSocket = `/${'x'.repeat(107)}`;
      assert.throws(
        () => log.reopen({ ...settings, maillogFile: '/var/log/mail', postlogSocket }),
        FatalError,
      );
      log.fatal('x');
      assert.equal(read().syslog.length, 1);
    });
  });

  test('with -V a copy goes to standard error, under the tag of the moment', () => {
    const file = join(directory, 'stderr');
    const stderrDescriptor = openSync(file, 'w');
    const log = new MailLogger({
      program,
      environment: {},
      syslogPath: join(directory, 'nobody'),
      stderrDescriptor,
    });
    log.info('before the option');
    log.copyToStderr();
    log.warning('text');
    log.reopen({ ...settings, syslogName: 'foo' });
    log.info('text');
    log.copyToStderr('tlsmgr');
    log.fatal('do not run this command by hand');
    log.close();
    closeSync(stderrDescriptor);
    assert.equal(
      readFileSync(file, 'utf8'),
      'postfix/tlsmgr: warning: text\nfoo/tlsmgr: text\ntlsmgr: fatal: do not run this command by hand\n',
    );
  });
});

test('a person reads lines with the time while serving, and without it from the verbs', () => {
  const file = join(directory, 'console');
  const descriptor = openSync(file, 'w');
  consoleLogger({ tag: 'tlsmgr', withTime: false, descriptor }).warning('é\u0007');
  consoleLogger({ tag: 'tlsmgr', withTime: true, descriptor }).error('x');
  closeSync(descriptor);
  assert.match(
    readFileSync(file, 'utf8'),
    /^tlsmgr: warning: é\?\n\d{4}-\d\d-\d\d \d\d:\d\d:\d\d tlsmgr: error: x\n$/,
  );
});
