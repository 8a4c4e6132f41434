/**
 * A store in this process: the circular log, and its file if it has one. The file
 * is in one of these states:
 *
 *     none     there is no file, or it must not be touched
 *     locked   it is locked, but not written: the cache isn't persistent
 *     kept     the log is written to it; the log closes it
 *     awaited  it can't be used at the moment
 */
import { closeSync, ftruncateSync } from 'node:fs';
import { AwaitedFile, mayPass, missingFile } from './file/awaited-file.ts';
import { fileSuffix, LockHeld, openCacheFile, type PreparedFile } from './file/cache-file.ts';
import { evictionAlarm } from './eviction-alarm.ts';
import type { FileMirror } from './file/file-mirror.ts';
import { beginInFile, keepInFile, newFile } from './file/persistence.ts';
import { CircularLog } from './memory/circular-log.ts';
import { geometryOf } from './file/geometry.ts';
import { lockPauseMs } from './opening.ts';
import type { Opening, Store, StoreRequest } from './store.ts';

/** What was found when the file of a cache was to be opened. */
type FileFound =
  /** The cache needs no file. */
  | { kind: 'none' }
  /** The file must not be touched, as its key can't be used. */
  | { kind: 'untouched' }
  | { kind: 'there'; file: PreparedFile }
  /** The file can't be used at the moment. */
  | { kind: 'missing'; error: unknown };

type FileState =
  | { kind: 'none' }
  | { kind: 'locked'; fd: number }
  | { kind: 'kept'; mirror: FileMirror }
  | { kind: 'awaited'; file: AwaitedFile };

export function openInMemory(request: StoreRequest): Store {
  return new LocalStore(request, { kind: 'none' });
}

/** Opens a store with a file. Waits for the file's lock, at most for the time in `patience`. */
export function* openInFile(request: StoreRequest): Opening {
  const { sealing, patience } = request;
  if (sealing === 'unusable') {
    return new LocalStore(request, { kind: 'untouched' });
  }
  for (;;) {
    try {
      return new LocalStore(request, { kind: 'there', file: openFile(request) });
    } catch (error) {
      if (!(error instanceof LockHeld) || patience.leftMs <= 0) {
        if (!mayPass(error)) {
          throw error;
        }
        return new LocalStore(request, { kind: 'missing', error });
      }
    }
    patience.leftMs -= lockPauseMs;
    yield;
  }
}

function openFile({ wanted, all, claims, log }: StoreRequest): PreparedFile {
  const { settings, path } = wanted;
  return openCacheFile(path! + fileSuffix, settings, {
    persistent: all.persistentCaches,
    log,
    claim: (identity) => claims.claim(identity, settings),
  });
}

class LocalStore implements Store {
  readonly cache: CircularLog;
  readonly loaded: Promise<void>;
  #file: FileState;

  constructor(request: StoreRequest, found: FileFound) {
    const { wanted, inForce, counters, clock, log } = request;
    const { lifetimeSeconds, sizeLimitBytes, entryLimit } = inForce;
    // The sizes of the log's parts depend only on main.cf, so that its file fits at the next start.
    const geometry = geometryOf(wanted.settings.sizeLimitBytes);
    this.cache = new CircularLog(
      { lifetimeSeconds, sizeLimitBytes, entryLimit, ...geometry },
      { clock, counters, onEviction: evictionAlarm(inForce, clock, log) },
    );
    this.loaded = Promise.resolve();
    if (found.kind === 'none') {
      this.#file = { kind: 'none' };
    } else if (found.kind === 'untouched') {
      this.cache.mirrorTo(missingFile);
      this.#file = { kind: 'none' };
    } else if (found.kind === 'missing') {
      this.#file = this.#await(request, found.error);
    } else if (found.file.content === undefined) {
      this.#file = { kind: 'locked', fd: found.file.fd };
    } else {
      const { fd, content } = found.file;
      const kept = keepInFile(inForce.label, fd, this.cache, content, keysIn(request), request);
      this.#file = { kind: 'kept', mirror: kept.mirror };
      this.loaded = kept.loaded;
    }
  }

  get released(): Promise<void> {
    return this.#file.kind === 'kept' ? this.#file.mirror.fileClosed : Promise.resolve();
  }

  closeNow(): void {
    this.cache.closeNow();
    if (this.#file.kind === 'locked') {
      closeSync(this.#file.fd);
    } else if (this.#file.kind === 'awaited') {
      this.#file.file.stop();
    }
  }

  #await(request: StoreRequest, error: unknown): FileState {
    const { wanted, inForce, all, log, retrySeconds } = request;
    const { label } = inForce;
    const fresh = newFile(label, keysIn(request));
    if (all.persistentCaches) {
      this.cache.mirrorTo(missingFile);
    }
    const found = ({ fd, content }: PreparedFile): void => {
      if (content === undefined) {
        this.#file = { kind: 'locked', fd };
        return;
      }
      ftruncateSync(fd, 0);
      this.#file = { kind: 'kept', mirror: beginInFile(fd, this.cache, fresh, request) };
    };
    const open = (): PreparedFile => openFile(request);
    const path = wanted.path!;
    return {
      kind: 'awaited',
      file: new AwaitedFile({ label, path, error, open, found, log, retrySeconds }),
    };
  }
}

function keysIn({ sealing }: StoreRequest): Exclude<StoreRequest['sealing'], 'unusable'> {
  return sealing === 'unusable' ? undefined : sealing;
}
