/**
 * Has master(8) start the next process at a reload. master starts one for the
 * first connection to the service. On an idle host there may be none for hours,
 * and nobody could read the metrics. master's own wake-up at a reload doesn't
 * help: it comes while the process from before still accepts connections.
 */
import type { Logger } from '../log/logger.ts';
import { closeDescriptor, connectUnix, reasonOf } from '../system/calls.ts';

/**
 * Call it right before the process ends: the connection stays in the queue of
 * the socket, which master keeps open.
 */
export function wakeNext(serviceName: string, log: Logger): void {
  try {
    closeDescriptor(connectUnix(`private/${serviceName}`, 'stream'));
  } catch (thrown) {
    log.warning(`the next process is not woken: ${reasonOf(thrown)}`);
  }
}
