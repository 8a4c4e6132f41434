import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { makeTag, printableText, withSeverity } from '../../src/log/line.ts';
import { postlogHead } from '../../src/log/postlog.ts';
import { DatagramCollector } from './collector.ts';
import { scratchDirectory } from './scratch.ts';

const original = '/usr/lib/postfix/sbin/tlsmgr';
const skip = !existsSync(original)
  ? `no Postfix: ${original} is missing`
  : process.getuid?.() !== 0 && "only root may start Postfix's tlsmgr";

function scratchInstance(): string {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'queue'));
  mkdirSync(join(directory, 'data'), { mode: 0o700 });
  const uid = Number(spawnSync('id', ['-u', 'postfix'], { encoding: 'utf8' }).stdout);
  chownSync(join(directory, 'data'), uid, 0);
  writeFileSync(
    join(directory, 'main.cf'),
    `queue_directory = ${directory}/queue
data_directory = ${directory}/data
tls_random_exchange_name =
`,
  );
  return directory;
}

describe('the text of a line is that of the original', { skip, concurrency: 8 }, () => {
  const directory = skip === false ? scratchInstance() : '';

  /** The first line that the original logs of an EGD server at this path. */
  async function originalLine(path: string, name: string, level: string): Promise<string> {
    const child = spawn(
      original,
      ['-V', '-d', '-S', '-o', `tls_random_source=egd:${path}`, '-o', `syslog_name=${name}`].concat(
        ['-o', `compatibility_level=${level}`],
      ),
      { env: { MAIL_CONFIG: directory }, timeout: 20_000, stdio: ['pipe', 'ignore', 'pipe'] },
    );
    child.stdin.end('request\0policy\0cache_type\0smtp\0\0');
    child.stderr.setEncoding('utf8');
    let lines = '';
    child.stderr.on('data', (chunk: string) => {
      lines += chunk;
    });
    await once(child, 'close');
    return lines.split('\n', 1)[0]!;
  }

  const vectors: [what: string, path: string, name: string][] = [
    ['plain ASCII', '/nonexistent/plain', 'postfix'],
    ['control characters', '/nonexistent/a\u0001\u001b[31m\tb\u007fc%s', 'postfix'],
    ['line breaks', '/nonexistent/a\nwarning: b\r\nc', 'postfix-out'],
    ['UTF-8 of two to four bytes', '/nonexistent/é€\u{1f511}z', 'a/b'],
  ];
  for (const [what, path, name] of vectors) {
    for (const [level, keepUtf8] of [
      ['0', false],
      ['3.6', true],
    ] as const) {
      test(`${what}, compatibility_level ${level}`, async () => {
        const text = `cannot connect to EGD server ${path}: No such file or directory`;
        assert.equal(
          await originalLine(path, name, level),
          `${makeTag(name, original, keepUtf8)}: ${withSeverity('warning', printableText(text, keepUtf8))}`,
        );
      });
    }
  }

  test('a datagram to postlogd is the same, a long line cut at the same place', () => {
    mkdirSync(join(directory, 'queue', 'public'), { recursive: true });
    const collector = new DatagramCollector(join(directory, 'queue', 'public', 'postlog'));
    const path = `/${'0123456789'.repeat(300)}`;
    for (const [sent, text] of [
      ['/x\u0001é', 'cannot connect to EGD server /x\u0001é: No such file or directory'],
      [path, `unix-domain name too long: ${path}`],
    ] as const) {
      const child = spawnSync(
        original,
        ['-d', '-S', '-o', `tls_random_source=egd:${sent}`, '-o', 'maillog_file=/var/log/x'].concat(
          ['-o', 'myhostname=Mx.example.com', '-o', 'compatibility_level=3.6'],
        ),
        {
          env: { MAIL_CONFIG: directory, TZ: 'UTC' },
          input: 'request\0policy\0cache_type\0smtp\0\0',
          timeout: 20_000,
        },
      );
      const [line] = collector.all();
      const head = postlogHead(makeTag('postfix', original, true), 'Mx.example.com');
      const severity = sent === path ? 'fatal' : 'warning';
      const ours = `${head(severity).toString()}${printableText(text, true)}`;
      assert.equal(withoutTime(line!, child.pid), withoutTime(ours, process.pid));
    }
    collector.close();
  });
});

/** With the time as a pattern and the process number as a word: they differ, their form must not. */
function withoutTime(line: string, pid: number): string {
  return line.replace(/^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d /, 'TIME ').replace(`[${pid}]`, '[PID]');
}
