/** Keys from a file, and what they seal. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LogLines } from '../log-lines.ts';
import fc from 'fast-check';
import { FatalError } from '../../src/errors.ts';
import { parseKeys, readCacheKeys } from '../../src/sessions/file/cache-keys.ts';
import { span, TestClock } from '../contracts/session-cache.ts';
import { awake, openLogOnFile } from './log-on-file.ts';
import { named, openScratchCaches, scratchDirectory } from './scratch.ts';

void describe('a key file', () => {
  void test('holds one or two keys, in hexadecimal or as they are', () => {
    const one = randomBytes(32);
    const two = randomBytes(32);
    const hex = (key: Buffer): string => key.toString('hex');
    assert.deepEqual(parseKeys(Buffer.from(hex(one))), [one]);
    assert.deepEqual(parseKeys(Buffer.from(`${hex(one).toUpperCase()}\n${hex(two)}\n`)), [
      one,
      two,
    ]);
    assert.deepEqual(parseKeys(one), [one]);
    assert.deepEqual(parseKeys(Buffer.concat([one, two])), [one, two]);
    for (const wrong of ['', 'abc', 'x'.repeat(31), 'a'.repeat(63), `${hex(one)} `.repeat(3)]) {
      assert.equal(typeof parseKeys(Buffer.from(wrong)), 'string', wrong);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const keys = parseKeys(Buffer.from(bytes));
        assert.ok(typeof keys === 'string' || keys.every((key) => key.length === 32));
      }),
    );
  });

  void test('that cannot be used is fatal, by the name of its parameter', () => {
    const scratch = scratchDirectory();
    const path = join(scratch.path, 'keys');
    assert.throws(
      () => readCacheKeys(path, new LogLines()),
      new FatalError(`tlsmgr_session_cache_key_file = ${path}: No such file or directory`),
    );
    writeFileSync(path, 'secret', { mode: 0o600 });
    assert.throws(
      () => readCacheKeys(path, new LogLines()),
      (error) => error instanceof FatalError && !error.message.includes('secret'),
    );
    writeFileSync(path, randomBytes(32));
    chmodSync(path, 0o644);
    const log = new LogLines();
    readCacheKeys(path, log);
    assert.match(log.lines[0]!, /^warning: .* open to its group or to others/);
    scratch.remove();
  });
});

void test('a key file that is a FIFO is fatal, and nobody waits for its writer', () => {
  const scratch = scratchDirectory();
  const path = join(scratch.path, 'fifo');
  execFileSync('mkfifo', [path]);
  assert.throws(
    () => readCacheKeys(path, new LogLines()),
    new FatalError(`tlsmgr_session_cache_key_file = ${path}: not a regular file`),
  );
  scratch.remove();
});

void describe('a sealed cache file', () => {
  void test('shows neither ids nor sessions, and opens with its key and as the second', async () => {
    const scratch = scratchDirectory();
    const file = join(scratch.path, 'cache');
    const clock = new TestClock();
    const first = randomBytes(32).toString('hex');
    const second = randomBytes(32).toString('hex');
    const keysOf = (text: string): ReturnType<typeof readCacheKeys> => {
      const path = join(scratch.path, 'keys');
      writeFileSync(path, text, { mode: 0o600 });
      return readCacheKeys(path, new LogLines());
    };
    const open = async (keys: string): Promise<ReturnType<typeof openLogOnFile>> => {
      const opened = openLogOnFile(
        file,
        clock,
        {},
        { keys: keys === '' ? undefined : keysOf(keys) },
      );
      await awake(opened.loaded);
      return opened;
    };

    const a = await open(first);
    a.log.update(span('the id'), span('the session'));
    await awake(a.mirror.written());
    a.log.delete(span('nothing'));
    a.log.closeNow();
    const bytes = readFileSync(file);
    assert.ok(!bytes.includes('the id') && !bytes.includes('the session'));

    const b = await open(`${second}\n${first}\n`);
    assert.ok(b.log.lookup(span('the id')));
    await awake(b.mirror.written());
    b.log.closeNow();

    const c = await open(second);
    assert.ok(c.log.lookup(span('the id')), 'sealed anew with the first key of the file');
    c.log.closeNow();

    const d = await open(first);
    assert.equal(d.log.lookup(span('the id')), undefined);
    assert.match(d.lines.join('\n'), /sealed with another key/);
    d.log.closeNow();
    scratch.remove();
  });

  void test('is written sealed as soon as there is a key', async () => {
    const scratch = scratchDirectory();
    const file = join(scratch.path, 'cache');
    const clock = new TestClock();
    const plain = openLogOnFile(file, clock);
    plain.log.update(span('the id'), span('the session'));
    await awake(plain.mirror.written());
    plain.log.closeNow();
    assert.ok(readFileSync(file).includes('the session'));

    const keyPath = join(scratch.path, 'keys');
    writeFileSync(keyPath, randomBytes(32), { mode: 0o600 });
    const keys = readCacheKeys(keyPath, new LogLines());
    const sealed = openLogOnFile(file, clock, {}, { keys });
    await awake(sealed.loaded);
    assert.ok(sealed.log.lookup(span('the id')));
    await awake(sealed.mirror.written());
    sealed.log.closeNow();
    assert.ok(!readFileSync(file).includes('the session'), 'what was in the clear is gone');
    scratch.remove();
  });
});

void test('a start without its key serves from memory, and a later one with it reads the file back', async () => {
  const scratch = scratchDirectory();
  const keyFile = join(scratch.path, 'keys');
  const path = join(scratch.path, 'smtp.tlsmgr');
  const good = randomBytes(32);
  const log = new LogLines();
  const open = (): ReturnType<typeof openScratchCaches> =>
    openScratchCaches({
      directory: scratch.path,
      clock: new TestClock(),
      log,
      persistent: true,
      keyFile,
      caches: {
        smtp: { database: `btree:${join(scratch.path, 'smtp')}` },
        lmtp: { database: `btree:${join(scratch.path, 'lmtp')}` },
        smtpd: { database: 'internal:' },
      },
    });
  writeFileSync(keyFile, good, { mode: 0o600 });
  const first = open();
  assert.equal(first.keyFault, '');
  await named(first, 'smtp').cache!.update(span('the id'), span('the session'));
  await awake(first.loaded);
  first.closeNow();
  const sealed = readFileSync(path);
  rmSync(join(scratch.path, 'lmtp.tlsmgr'));

  for (const content of [undefined, 'short']) {
    rmSync(keyFile);
    if (content !== undefined) {
      writeFileSync(keyFile, content, { mode: 0o600 });
    }
    log.lines.length = 0;
    const without = open();
    const [line = '', ...others] = log.lines;
    assert.ok(line.startsWith(`error: tlsmgr_session_cache_key_file = ${keyFile}: `), line);
    assert.match(
      line,
      /kept in memory alone\. Mend the key file \(tlsmgr check\), then start again/u,
    );
    assert.deepEqual(others, []);
    assert.ok(without.keyFault !== '' && line.includes(without.keyFault));
    assert.equal(named(without, 'smtp').cache!.lookup(span('the id')), undefined);
    for (const label of ['smtpd', 'smtp', 'lmtp']) {
      await named(without, label).cache!.update(span('another id'), span('another session'));
      assert.ok(named(without, label).cache!.lookup(span('another id')));
      assert.equal(named(without, label).cache!.statistics().fileHealthy, label === 'smtpd');
    }
    await awake(without.loaded);
    without.closeNow();
    assert.deepEqual(readFileSync(path), sealed);
    assert.equal(existsSync(join(scratch.path, 'lmtp.tlsmgr')), false);
    writeFileSync(keyFile, good, { mode: 0o600 });
  }

  const last = open();
  await awake(last.loaded);
  assert.ok(named(last, 'smtp').cache!.lookup(span('the id')));
  assert.equal(named(last, 'smtp').cache!.lookup(span('another id')), undefined);
  last.closeNow();
  scratch.remove();
});
