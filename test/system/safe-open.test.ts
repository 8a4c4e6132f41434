import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import {
  openForReading,
  openOwnFile,
  replaceFile,
  UnsafeFileError,
} from '../../src/system/safe-open.ts';

const root = mkdtempSync(join(tmpdir(), 'tlsmgr-open-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folder = root;
let count = 0;
beforeEach(() => {
  count += 1;
  folder = join(root, String(count));
  mkdirSync(folder, { mode: 0o700 });
});
const at = (name: string): string => join(folder, name);

const needsRoot = { skip: process.getuid!() === 0 ? false : 'needs root to make files of others' };
const stranger = 4321;

function open(path: string, followRootsLink = false): void {
  closeSync(openOwnFile(path, { create: true, followRootsLink }));
}

function unsafe(message: string) {
  return (error: unknown) => error instanceof UnsafeFileError && error.message === message;
}

describe('a file of ours', () => {
  test('is made with mode 0600, and found again', () => {
    open(at('new'));
    assert.equal(statSync(at('new')).mode & 0o777, 0o600);
    writeFileSync(at('new'), 'kept');
    open(at('new'));
    assert.equal(readFileSync(at('new'), 'utf8'), 'kept');
    assert.throws(() => openOwnFile(at('none'), { create: false, followRootsLink: false }), {
      code: 'ENOENT',
    });
  });

  test('has one name', () => {
    writeFileSync(at('precious'), 'precious');
    linkSync(at('precious'), at('ours'));
    assert.throws(() => open(at('ours')), unsafe('file has 2 hard links'));
  });

  test('is a regular one; nobody waits for a FIFO', () => {
    execFileSync('mkfifo', [at('fifo')]);
    assert.throws(() => open(at('fifo')), unsafe('not a regular file'));
    assert.throws(() => open('/dev/null'), unsafe('not a regular file'));
    assert.throws(() => open(folder), { code: 'EISDIR' });
  });

  test("isn't behind a symbolic link, or only behind root's", needsRoot, () => {
    writeFileSync(at('target'), '');
    symlinkSync(at('target'), at('link'));
    assert.throws(() => open(at('link')), unsafe('file is a symbolic link'));
    open(at('link'), true);
    lchownSync(at('link'), stranger, stranger);
    assert.throws(() => open(at('link'), true), unsafe('file is a symbolic link'));
    symlinkSync(at('nowhere'), at('dangling'));
    assert.throws(() => open(at('dangling'), true), { code: 'ENOENT' });
    assert.ok(!existsSync(at('nowhere')));
  });

  test('belongs to the caller or to root', needsRoot, () => {
    writeFileSync(at('theirs'), '');
    chownSync(at('theirs'), stranger, stranger);
    assert.throws(() => open(at('theirs')), unsafe(`file belongs to user ${stranger}`));
  });
});

describe('a file that is read', () => {
  const read = (path: string, reader?: number): void => {
    closeSync(openForReading(path, ['regular file', 'character device'], reader));
  };

  test('is of a kind that is wanted; nobody waits for a FIFO', () => {
    writeFileSync(at('file'), '');
    read(at('file'));
    read('/dev/null');
    execFileSync('mkfifo', [at('fifo')]);
    assert.throws(() => read(at('fifo')), unsafe('not a regular file or character device'));
    assert.throws(() => read(folder), unsafe('not a regular file or character device'));
  });

  test("may be behind a symbolic link of root's or of the reader's", needsRoot, () => {
    writeFileSync(at('target'), '');
    symlinkSync(at('target'), at('link'));
    read(at('link'));
    lchownSync(at('link'), stranger, stranger);
    assert.throws(() => read(at('link')), unsafe('file is a symbolic link'));
    read(at('link'), stranger);
  });
});

describe('a file that is replaced', () => {
  test('has its content, its mode, and no link that stood in its place', () => {
    writeFileSync(at('precious'), 'precious');
    symlinkSync(at('precious'), at('file'));
    symlinkSync(at('precious'), at('file.tlsmgr-new'));
    const mask = process.umask(0o077);
    replaceFile(at('file'), 'new', { mode: 0o644 });
    process.umask(mask);
    assert.equal(readFileSync(at('precious'), 'utf8'), 'precious');
    assert.equal(readFileSync(at('file'), 'utf8'), 'new');
    assert.equal(statSync(at('file')).mode & 0o777, 0o644);
    assert.ok(!existsSync(at('file.tlsmgr-new')));
  });
});
