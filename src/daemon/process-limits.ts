/**
 * Limits that the process sets for itself. When the kernel refuses, a warning is
 * logged and service goes on without, as mail must go on.
 */
import type { Logger } from '../log/logger.ts';
import { forbidCoreDumps, raiseOpenFilesLimit, reasonOf } from '../system/calls.ts';

export function raiseOpenFiles(log: Logger): void {
  try {
    raiseOpenFilesLimit();
  } catch (thrown) {
    log.warning(`cannot raise the limit of open files: ${reasonOf(thrown)}`);
  }
}

export function forbidCores(log: Logger): void {
  try {
    forbidCoreDumps();
  } catch (thrown) {
    log.warning(
      `cannot forbid core dumps, which would show sessions and keys: ${reasonOf(thrown)}`,
    );
  }
}
