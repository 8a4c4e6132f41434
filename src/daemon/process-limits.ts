/**
 * What a process asks of the kernel for its own good. When the kernel refuses,
 * mail must go on: a warning, and it serves without.
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
