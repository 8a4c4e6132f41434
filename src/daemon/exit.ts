/**
 * The ways in which the process ends. A fatal error and a panic are logged, and
 * followed by a pause of a second: master(8) starts another process at once,
 * and must not be made to spin. Source: src/util/msg.c, src/global/mail_task.c.
 *
 * A start that fails where the launcher keeps a record of it ends with status 0
 * and without a pause: after any other master(8) would let a minute pass, and
 * the next start is that of Postfix's own tlsmgr.
 */
import { FatalError, messageOf } from '../errors.ts';
import type { ProcessLogger } from '../log/process-logger.ts';
import type { StartRecord } from './start-record.ts';

const pauseMs = 1000;

/** Lines on their way out may take this long when nothing is wrong. */
const drainMs = 200;

/** Logs what was thrown, as fatal or as a panic, and ends the process. */
export function die(log: ProcessLogger, thrown: unknown, record?: StartRecord): never {
  if (thrown instanceof FatalError) {
    log.fatal(thrown.message);
  } else {
    log.panic(messageOf(thrown));
  }
  if (record?.failed(messageOf(thrown)) === true) {
    log.drainNow(pauseMs);
    process.exit(0);
  }
  const startedMs = performance.now();
  log.drainNow(pauseMs);
  pause(pauseMs - (performance.now() - startedMs));
  process.exit(1);
}

/** Ends the process with status 0 after `close` has saved what must survive. */
export function leave(log: ProcessLogger, close: () => void, record?: StartRecord): never {
  try {
    close();
  } catch (thrown) {
    die(log, thrown);
  }
  record?.served();
  log.drainNow(drainMs);
  process.exit(0);
}

/** Whatever nobody caught ends the process as a panic. */
export function panicOnUncaught(log: ProcessLogger, record?: StartRecord): void {
  process.on('uncaughtException', (error) => die(log, error, record));
}

function pause(milliseconds: number): void {
  if (milliseconds > 0) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  }
}
