/** After each change of the caches' settings: no file holds sessions that nobody will read back. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LogLines } from '../log-lines.ts';
import type { Caches, CachesSettings } from '../../src/sessions/caches.ts';
import { removeLeftFiles } from '../../src/sessions/left-files.ts';
import { manifestBytes } from '../../src/sessions/file/manifest.ts';
import { type CacheName, postfixCacheNames } from '../../src/config/cache-names.ts';
import { span, TestClock } from '../contracts/session-cache.ts';
import { awake } from './log-on-file.ts';
import { named, type OpenOptions, openScratchCaches, scratchDirectory } from './scratch.ts';

const session = 'the session in the clear';
const stranger = 4321;
const needsRoot = process.getuid!() === 0 ? false : 'needs root to become somebody else';

/** Of a test that fails. */
const timeout = 10_000;

/** Polls: writing and overwriting happen in the background. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

class Place {
  readonly #scratch = scratchDirectory();
  readonly path = this.#scratch.path;
  readonly log = new LogLines();
  readonly clock = new TestClock();
  readonly data = join(this.#scratch.path, 'data');
  readonly elsewhere = join(this.#scratch.path, 'elsewhere');
  /** Of a persistent cache, without a key, in data_directory. */
  readonly usual: Partial<OpenOptions> = {
    persistent: true,
    caches: { smtpd: { database: `btree:${this.data}/scache` } },
  };

  constructor() {
    mkdirSync(this.data);
    mkdirSync(this.elsewhere);
  }

  open(options: Partial<OpenOptions>): Caches {
    return openScratchCaches({
      directory: this.data,
      clock: this.clock,
      log: this.log,
      lockPatienceMs: 0,
      ...options,
    });
  }

  /** Persistent, with this database for smtpd alone. */
  settings(database: string): CachesSettings {
    const of = (label: CacheName) => ({
      label,
      database: label === 'smtpd' ? database : '',
      lifetimeSeconds: 120,
      logOperations: false,
      sizeLimitBytes: 0,
      entryLimit: 0,
    });
    return {
      caches: new Map(postfixCacheNames.map((name) => [name, of(name)])),
      persistentCaches: true,
      cacheKeyFile: '',
      dataDirectory: this.data,
      mailOwner: { name: 'postfix', uid: process.getuid!(), gid: process.getgid!() },
      defaultDatabaseType: 'hash',
      otherDatabases: [],
    };
  }

  /** Leaves a file with a session behind, as a process that has ended. */
  async leave(options = this.usual): Promise<void> {
    const caches = this.open(options);
    await awake(caches.loaded);
    await named(caches, 'smtpd').cache!.update(span('the id'), span(session));
    caches.closeNow();
    assert.equal(this.clearFiles().length, 1);
  }

  /** The files with the session. */
  clearFiles(): string[] {
    return [this.data, this.elsewhere]
      .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
      .filter((path) => existsSync(path) && readFileSync(path).includes(session));
  }

  keyFile(): string {
    const path = join(this.elsewhere, 'key');
    writeFileSync(path, randomBytes(32), { mode: 0o600 });
    return path;
  }

  remove(): void {
    this.#scratch.remove();
  }
}

/** Makes the file one of a version to come. */
function changeFormat(path: string): void {
  const content = readFileSync(path);
  for (const start of [0, manifestBytes]) {
    content.writeUInt32LE(2, start + 8);
  }
  writeFileSync(path, content);
}

interface Transition {
  what: string;
  from?: (place: Place) => Partial<OpenOptions>;
  /** Between the two processes. */
  meanwhile?: (place: Place) => void;
  to: (place: Place) => Partial<OpenOptions>;
  /** Whether sessions are in a file then, sealed, or there is none of a cache with sessions. */
  says: RegExp | undefined;
}

const removed =
  /^\S+ belongs to no session cache of main\.cf or master\.cf any more: overwritten and removed$/u;
const isOff = /^\S+ belongs to a session cache that is off: overwritten and removed$/u;
const useless = /^warning: \S+ is not, or no longer, a file of this smtpd cache: overwritten/u;

const transitions: Transition[] = [
  {
    what: 'a key file is added',
    to: (place) => ({ ...place.usual, keyFile: place.keyFile() }),
    says: undefined,
  },
  {
    what: 'persistence is switched off',
    to: (place) => ({ ...place.usual, persistent: false }),
    says: /^\S+: sessions of a persistent cache are overwritten and removed$/u,
  },
  {
    what: 'persistence is switched off, and the database is memory',
    to: () => ({ caches: { smtpd: { database: 'internal:' } } }),
    says: removed,
  },
  { what: 'the database is emptied', to: () => ({ persistent: true }), says: removed },
  {
    what: 'the lifetime is 0',
    to: (place) => ({
      persistent: true,
      caches: { smtpd: { database: `btree:${place.data}/scache`, lifetimeSeconds: 0 } },
    }),
    says: isOff,
  },
  {
    what: 'the lifetime is 0, of a cache outside data_directory',
    from: (place) => ({
      persistent: true,
      caches: { smtpd: { database: `btree:${place.elsewhere}/scache` } },
    }),
    to: (place) => ({
      persistent: true,
      caches: { smtpd: { database: `btree:${place.elsewhere}/scache`, lifetimeSeconds: 0 } },
    }),
    says: isOff,
  },
  {
    what: 'the path is another one',
    to: (place) => ({
      persistent: true,
      caches: { smtpd: { database: `btree:${place.data}/other` } },
    }),
    says: removed,
  },
  {
    what: 'the format is another one',
    meanwhile: (place) => changeFormat(join(place.data, 'scache.tlsmgr')),
    to: (place) => place.usual,
    says: useless,
  },
  {
    what: 'the file is now that of another cache',
    from: (place) => ({
      persistent: true,
      caches: { smtpd: { database: `btree:${place.data}/other` } },
    }),
    meanwhile: (place) => {
      // What smtpd stored becomes lmtp's.
      renameSync(join(place.data, 'other.tlsmgr'), join(place.data, 'scache.tlsmgr'));
    },
    to: (place) => ({
      persistent: true,
      caches: { lmtp: { database: `btree:${place.data}/scache` } },
    }),
    says: /a file of this lmtp cache: overwritten and removed$/u,
  },
  {
    what: 'an earlier version had put it aside',
    meanwhile: (place) => {
      const path = join(place.data, 'scache.tlsmgr');
      changeFormat(path);
      renameSync(path, `${path}.old`);
    },
    to: (place) => place.usual,
    says: removed,
  },
];

void describe('no session stays on the disk', () => {
  for (const { what, from, meanwhile, to, says } of transitions) {
    void test(`when ${what}`, { timeout }, async () => {
      const place = new Place();
      await place.leave(from?.(place) ?? place.usual);
      meanwhile?.(place);
      const caches = place.open(to(place));
      await awake(caches.loaded);
      // Only sealing needs a while.
      await until(() => says !== undefined || place.clearFiles().length === 0);
      assert.deepEqual(place.clearFiles(), []);
      caches.closeNow();
      assert.deepEqual(place.clearFiles(), []);
      if (says === undefined) {
        assert.deepEqual(place.log.lines, []);
      } else {
        assert.equal(place.log.lines.length, 1);
        assert.match(place.log.lines[0]!, says);
      }
      place.remove();
    });
  }

  void test('when a cache is switched off while it serves', { timeout }, async () => {
    const place = new Place();
    const caches = place.open(place.usual);
    await named(caches, 'smtpd').cache!.update(span('the id'), span(session));
    await until(() => place.clearFiles().length === 1);
    await caches.change(place.settings(''));
    assert.deepEqual(place.clearFiles(), []);
    assert.match(place.log.lines.join('\n'), removed);
    // The next file may get the number of the one that is gone.
    await caches.change(place.settings(`btree:${place.data}/scache`));
    assert.ok(named(caches, 'smtpd').cache);
    caches.closeNow();
    place.remove();
  });

  void test('not even without a name: what it held is overwritten', { timeout }, async () => {
    for (const to of ['not persistent', 'off'] as const) {
      const place = new Place();
      await place.leave();
      const watched = openSync(join(place.data, 'scache.tlsmgr'), 'r');
      const content = Buffer.alloc(2_000_000);
      const isClear = (): boolean =>
        content.subarray(0, readSync(watched, content, 0, content.length, 0)).includes(session);
      assert.ok(isClear());
      const caches = place.open(to === 'off' ? {} : { ...place.usual, persistent: false });
      await until(() => !isClear());
      caches.closeNow();
      closeSync(watched);
      place.remove();
    }
  });
});

void describe('a file in a folder that cannot be written to', { skip: needsRoot }, () => {
  void test('is cut to nothing instead of removed, and goes on', async () => {
    const place = new Place();
    await place.leave();
    const file = join(place.data, 'scache.tlsmgr');
    chmodSync(place.path, 0o755);
    chownSync(file, stranger, stranger);
    process.seteuid!(stranger);
    try {
      const caches = place.open({ ...place.usual, persistent: false, mailOwnerUid: 0 });
      assert.ok(named(caches, 'smtpd').cache);
      caches.closeNow();
    } finally {
      process.seteuid!(0);
    }
    assert.deepEqual(place.clearFiles(), []);
    assert.match(place.log.lines[1]!, /^warning: cannot remove \S+: Permission denied; it is cut/u);
    place.remove();
  });
});

void describe('files stay as they are', () => {
  void test('of a cache that is on, though nobody has it open at the moment', async () => {
    const place = new Place();
    await place.leave();
    await removeLeftFiles(place.settings(`btree:${place.data}/scache`), () => false, place.log);
    assert.equal(place.clearFiles().length, 1);
    assert.deepEqual(place.log.lines, []);
    place.remove();
  });

  void test('that main.cf still names, whatever this process makes of it', async () => {
    for (const to of [
      // Another service of master.cf has it, or this one is given something else by -o.
      { otherDatabases: ['DATA/scache'] },
      // Nobody knows.
      { otherDatabases: undefined, caches: {} },
      // A type that is a mistake.
      { caches: { smtpd: { database: 'btee:DATA/scache' } } },
      // Redirected while its folder was there.
      { caches: { smtpd: { database: 'btree:/nowhere/scache' } } },
      // Off, and on for another service.
      {
        otherDatabases: ['btree:DATA/scache'],
        caches: { smtpd: { database: 'btree:DATA/scache', lifetimeSeconds: 0 } },
      },
    ]) {
      const place = new Place();
      await place.leave();
      const text = JSON.stringify(to).replaceAll('DATA', place.data);
      const known = 'otherDatabases' in to && to.otherDatabases === undefined;
      const options = JSON.parse(text) as Partial<OpenOptions>;
      place
        .open({ persistent: true, ...options, ...(known ? { otherDatabases: undefined } : {}) })
        .closeNow();
      assert.equal(place.clearFiles().length, 1, text);
      assert.doesNotMatch(place.log.lines.join('\n'), /overwritten/u);
      place.remove();
    }
  });

  void test("of a process that serves, somebody else's, and behind a link", async () => {
    const place = new Place();
    await place.leave();
    const ours = join(place.data, 'scache.tlsmgr');
    const content = readFileSync(ours);
    // By two names, by a symbolic link, and one that only has our suffix.
    writeFileSync(join(place.elsewhere, 'precious'), content);
    linkSync(join(place.elsewhere, 'precious'), join(place.data, 'linked.tlsmgr'));
    symlinkSync(join(place.elsewhere, 'precious'), join(place.data, 'symbolic.tlsmgr'));
    writeFileSync(join(place.data, 'strange.tlsmgr.old'), 'not ours');
    const running = place.open(place.usual);
    await awake(running.loaded);
    const other = place.open({ caches: { smtp: { database: 'internal:' } } });
    assert.ok(existsSync(ours));
    running.closeNow();
    other.closeNow();
    assert.deepEqual(readFileSync(join(place.elsewhere, 'precious')), content);
    assert.equal(readFileSync(join(place.data, 'strange.tlsmgr.old'), 'latin1'), 'not ours');
    assert.deepEqual(place.log.lines, []);
    place.remove();
  });
});
