/**
 * How the process ends. A fatal error or a panic is logged, and a pause of a
 * second follows, as master(8) starts another process at once and would do so in
 * a tight loop. Source: src/util/msg.c, src/global/mail_task.c.
 *
 * When the launcher keeps a record of the start, a start that fails ends with
 * status 0 and without a pause. With another status master(8) would wait for a
 * minute, but the next start is that of Postfix's own tlsmgr.
 */
import { FatalError, messageOf } from '../errors.ts';
import type { ProcessLogger } from '../log/process-logger.ts';
import type { StartRecord } from './start-record.ts';

const pauseMs = 1000;

/** How long log lines may take to leave when nothing is wrong. */
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
