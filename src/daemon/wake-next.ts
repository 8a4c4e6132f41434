/**
 * Has master(8) start the next process at a reload. master starts one for the
 * first connection to the service. On an idle host there may be none for hours,
 * and nobody could read the metrics. master's own wake-up at a reload doesn't
 * help: it comes while the process from before still accepts connections.
 *
 * The next one is woken whether this process serves metrics or not. Only the
 * next one knows what main.cf and master.cf say now, since this one is in a
 * chroot and can't read them. Besides, the first client after the reload doesn't
 * wait for a start then.
 */
import type { Logger } from '../log/logger.ts';
import { closeDescriptor, connectUnix, reasonOf } from '../system/calls.ts';

/**
 * Call it right before the process ends: the connection stays in the queue of
 * the socket, which master keeps open.
 *
 * @param expected whether somebody counts on it: a failure is logged then. Otherwise the first
 * client starts the next one, as ever.
 */
export function wakeNext(serviceName: string, expected: boolean, log: Logger): void {
  try {
    closeDescriptor(connectUnix(`private/${serviceName}`, 'stream'));
  } catch (thrown) {
    if (expected) {
      log.warning(`the next process is not woken: ${reasonOf(thrown)}`);
    }
  }
}
