import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { FatalError } from '../../src/errors.ts';
import { Outlet } from '../../src/log/outlet.ts';
import { postlogChannel, postlogHead } from '../../src/log/postlog.ts';
import { SocketChannel } from '../../src/log/socket-channel.ts';
import { DescriptorChannel, plainHead, timedHead } from '../../src/log/stderr.ts';
import { syslogHead } from '../../src/log/syslog.ts';
import { syslogFacilities } from '../../src/system/syslog-facilities.ts';
import { DatagramCollector, StreamCollector } from './collector.ts';
import { scratchDirectory, TestClock, TestTimers } from './scratch.ts';

const directory = scratchDirectory();
const path = join(directory, 'log');
const at = (): number => new Date(2026, 10, 3, 13, 42, 55).getTime();
const head = `<22>Nov  3 13:42:55 postfix/tlsmgr[${process.pid}]: `;

function syslogOutlet(queueLimitBytes?: number) {
  const clock = new TestClock();
  const timers = new TestTimers(clock);
  const outlet = new Outlet({
    channel: new SocketChannel(path, { allowStream: true }),
    head: syslogHead('postfix/tlsmgr', 'mail', at),
    clock,
    name: 'syslogd',
    schedule: timers.schedule,
    queueLimitBytes,
  });
  return { outlet, clock, timers };
}

describe('syslog', () => {
  test('a message is one datagram in the form of syslog(3)', () => {
    const collector = new DatagramCollector(path);
    const { outlet } = syslogOutlet();
    for (const severity of ['info', 'warning', 'error', 'fatal', 'panic'] as const) {
      outlet.post(severity, 'é text');
    }
    const rest = `Nov  3 13:42:55 postfix/tlsmgr[${process.pid}]:`;
    assert.deepEqual(collector.all(), [
      `<22>${rest} é text`,
      `<20>${rest} warning: é text`,
      `<19>${rest} error: é text`,
      `<18>${rest} fatal: é text`,
      `<18>${rest} panic: é text`,
    ]);
    outlet.close();
    collector.close();
  });

  test('facilities have their numbers; kern goes out as mail', () => {
    for (const [name, number] of [
      ['user', 1],
      ['mail', 2],
      ['kern', 2],
      ['daemon', 3],
      ['authpriv', 10],
      ['ftp', 11],
      ['local0', 16],
      ['local7', 23],
    ] as const) {
      const line = syslogHead('t', name, at)('info').toString();
      assert.ok(line.startsWith(`<${number * 8 + 6}>`), line);
    }
    assert.equal(syslogFacilities.size, 20);
  });

  test('a stream socket gets a NUL after each message', () => {
    const collector = new StreamCollector(path);
    const { outlet } = syslogOutlet();
    outlet.post('info', 'one');
    outlet.post('info', 'two');
    assert.equal(collector.all().toString(), `${head}one\0${head}two\0`);
    outlet.close();
    collector.close();
  });

  test('a stream that is not read is never waited for, and gets whole messages afterwards', () => {
    const collector = new StreamCollector(path);
    const { outlet } = syslogOutlet(512 * 500);
    const posted = 2000;
    for (let number = 0; number < posted; number += 1) {
      outlet.post('info', `${number} ${'x'.repeat(500)}`);
    }
    assert.ok(outlet.pending > 0);
    assert.equal(outlet.channel.connected, true);
    let bytes = collector.all();
    for (let turn = 0; outlet.pending > 0 && turn < 10_000; turn += 1) {
      outlet.drainNow(0, true);
      bytes = Buffer.concat([bytes, collector.all()]);
    }
    const messages = bytes.toString().split('\0');
    assert.equal(messages.pop(), '');
    assertAllOrCounted(messages, posted);
    outlet.close();
    collector.close();
  });

  test('a reader that does not read is never waited for; it gets the newest and the number lost', () => {
    const collector = new DatagramCollector(path);
    const { outlet } = syslogOutlet(600 * 60);
    const posted = 2000;
    for (let number = 0; number < posted; number += 1) {
      outlet.post('info', `${number} text`);
    }
    assert.ok(outlet.pending > 0);
    assert.equal(outlet.channel.connected, true);
    const messages = collector.all();
    for (let turn = 0; outlet.pending > 0 && turn < 10_000; turn += 1) {
      outlet.drainNow(0, true);
      messages.push(...collector.all());
    }
    assertAllOrCounted(messages, posted);
    outlet.close();
    collector.close();
  });

  test('a restart of syslogd loses nothing once it is back', () => {
    const { outlet, timers } = syslogOutlet();
    outlet.post('info', 'before the first start');
    let collector = new DatagramCollector(path);
    timers.advance(1000);
    outlet.post('info', 'up');
    assert.deepEqual(collector.all(), [`${head}before the first start`, `${head}up`]);

    collector.close();
    outlet.post('info', 'gone, its socket still there');
    timers.advance(1000);
    rmSync(path);
    outlet.post('info', 'gone, its socket too');
    timers.advance(5000);
    collector = new DatagramCollector(path);
    timers.advance(1000);
    assert.deepEqual(collector.all(), [
      `${head}gone, its socket still there`,
      `${head}gone, its socket too`,
    ]);

    collector.close();
    const stream = new StreamCollector(path);
    timers.advance(1000);
    outlet.post('info', 'another kind of socket');
    assert.equal(stream.all().toString(), `${head}another kind of socket\0`);
    stream.close();
    collector = new DatagramCollector(path);
    timers.advance(1000);
    outlet.post('info', 'back again');
    assert.deepEqual(collector.all(), [`${head}back again`]);
    outlet.close();
    collector.close();
  });
});

/** Each message says its number; what is missing must be counted in the order's gap. */
function assertAllOrCounted(messages: readonly string[], posted: number): void {
  let expected = 0;
  let counted = 0;
  for (const message of messages) {
    const lost =
      /: warning: (\d+) messages were lost here: syslogd did not take them in time$/.exec(message);
    if (lost === null) {
      const number = Number(/: (\d+) /.exec(message)?.[1]);
      assert.equal(number, expected, message);
      expected += 1;
    } else {
      counted += Number(lost[1]);
      expected += Number(lost[1]);
    }
  }
  assert.equal(expected, posted);
  assert.ok(counted > 0 && counted < posted - 512, String(counted));
}

describe('postlog', () => {
  test('a message is one datagram in the form that postlogd takes apart', () => {
    const collector = new DatagramCollector(path);
    const outlet = new Outlet({
      channel: postlogChannel(path),
      head: postlogHead('postfix/tlsmgr', 'Mx.example.com', at),
      clock: new TestClock(),
      name: 'postlogd',
    });
    outlet.post('info', 'open smtpd TLS cache btree:/x/smtpd_scache');
    outlet.post('warning', 'x');
    assert.deepEqual(collector.all(), [
      `Nov 03 13:42:55 Mx postfix/tlsmgr[${process.pid}]: open smtpd TLS cache btree:/x/smtpd_scache`,
      `Nov 03 13:42:55 Mx postfix/tlsmgr[${process.pid}]: warning: x`,
    ]);
    outlet.close();
    collector.close();
  });

  test('lines that wait leave together, whole and in order, in datagrams that postlogd takes', () => {
    const lengths = fc.array(fc.oneof(fc.nat(150), fc.nat(2000)), { maxLength: 150 });
    const cuts = fc.array(fc.nat(40), { maxLength: 5 });
    fc.assert(
      fc.property(lengths, cuts, (textBytes, readAfter) => {
        const collector = new DatagramCollector(path);
        const outlet = new Outlet({
          channel: postlogChannel(path),
          head: postlogHead('postfix/tlsmgr', 'mx', at),
          clock: new TestClock(),
          name: 'postlogd',
          schedule: new TestTimers(new TestClock()).schedule,
        });
        const texts = textBytes.map((length, number) => `${number} ${'x'.repeat(length)}`);
        const datagrams: string[] = [];
        for (const [number, text] of texts.entries()) {
          outlet.postSoon('info', text);
          if (readAfter.includes(number)) {
            datagrams.push(...collector.all());
          }
        }
        // The socket takes eleven datagrams where the kernel has its own default.
        for (let turn = 0; outlet.pending > 0 && turn < 1000; turn += 1) {
          outlet.drainNow(0, true);
          datagrams.push(...collector.all());
        }
        datagrams.push(...collector.all());
        const postlogPart = `Nov 03 13:42:55 mx postfix/tlsmgr[${process.pid}]: `;
        assert.deepEqual(
          datagrams.flatMap((datagram) => datagram.split('\n')),
          texts.map((text) => postlogPart + text),
        );
        for (const datagram of datagrams) {
          assert.ok(datagram.length <= 2000 || !datagram.includes('\n'), `${datagram.length}`);
        }
        outlet.close();
        collector.close();
      }),
      { numRuns: 200 },
    );
  });

  test('sixty-four lines of cache logging take five datagrams', () => {
    const collector = new DatagramCollector(path);
    const timers = new TestTimers(new TestClock());
    const outlet = new Outlet({
      channel: postlogChannel(path),
      head: postlogHead('postfix/tlsmgr', 'mx', at),
      clock: new TestClock(),
      name: 'postlogd',
      schedule: timers.schedule,
    });
    for (let number = 0; number < 63; number += 1) {
      outlet.postSoon('info', 'x'.repeat(100));
    }
    assert.deepEqual(collector.all(), [], 'no line is worth a system call of its own');
    outlet.postSoon('info', 'x'.repeat(100));
    assert.equal(collector.all().length, 5);
    outlet.postSoon('info', 'x');
    timers.advance(2);
    assert.equal(collector.all().length, 1);
    outlet.close();
    collector.close();
  });

  test('a path that no address can hold is fatal; the longest one is not', () => {
    const longest = `/${'x'.repeat(106)}`;
    assert.equal(postlogChannel(longest).connect(), false);
    assert.throws(
      () => postlogChannel(`${longest}x`),
      (thrown) =>
        thrown instanceof FatalError &&
        thrown.message === `unix_dgram_connect: unix-domain name too long: ${longest}x`,
    );
  });

  test('a stream socket is not what postlogd listens on', () => {
    const stream = new StreamCollector(path);
    assert.equal(postlogChannel(path).connect(), false);
    stream.close();
  });
});

describe('standard error', () => {
  test('is written before the call returns', () => {
    const file = join(directory, 'stderr');
    const fd = openSync(file, 'w');
    const outlet = new Outlet({
      channel: new DescriptorChannel(fd),
      head: plainHead('postfix/tlsmgr'),
      clock: new TestClock(),
      name: 'standard error',
    });
    outlet.post('warning', 'text');
    outlet.head = timedHead('tlsmgr', at);
    outlet.post('info', 'text');
    assert.equal(
      readFileSync(file, 'utf8'),
      'postfix/tlsmgr: warning: text\n2026-11-03 13:42:55 tlsmgr: text\n',
    );
    closeSync(fd);
  });

  test('a pipe that nobody reads is never waited for', () => {
    const pipe = join(directory, 'pipe');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    const fd = openSync(pipe, constants.O_RDWR);
    const outlet = new Outlet({
      channel: new DescriptorChannel(fd),
      head: plainHead('t'),
      clock: new TestClock(),
      name: 'syslogd',
      schedule: new TestTimers(new TestClock()).schedule,
      queueLimitBytes: 512 * 200,
    });
    const posted = 2000;
    for (let number = 0; number < posted; number += 1) {
      outlet.post('info', `${number} ${'x'.repeat(200)}`);
    }
    let text = '';
    const chunk = Buffer.alloc(65536);
    outlet.post('info', 'end');
    while (!text.endsWith('t: end\n')) {
      text += chunk.toString('latin1', 0, readSync(fd, chunk));
      outlet.drainNow(0, true);
    }
    const messages = text.split('\n').slice(0, -2);
    assertAllOrCounted(messages, posted);
    closeSync(fd);
  });

  test('a reader that has gone is no reason to fail', () => {
    const outlet = new Outlet({
      channel: new DescriptorChannel(9999),
      head: plainHead('t'),
      clock: new TestClock(),
      name: 'standard error',
    });
    outlet.post('info', 'x');
    assert.equal(outlet.pending, 0);
  });
});
