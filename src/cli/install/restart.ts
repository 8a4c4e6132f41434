/**
 * Lets master(8) start what a changed master.cf says.
 *
 * A service whose program has just failed is throttled for a minute, and a
 * reload alone doesn't end that. master(8) forgets it with the service, so the
 * line is taken out, and put in again, when nobody answers. Follows
 * src/master/master_conf.c and master_spawn.c.
 */
import { once } from 'node:events';
import { connectToPath } from '../../system/socket-path.ts';
import type { Postfix } from '../postfix/postfix.ts';
import type { MasterCfCopy } from './master-cf-copy.ts';

const goneLimitMs = 10_000;
const pauseMs = 50;

/**
 * @param answering whether the service serves now.
 * @param change what changes master.cf; done once, whatever happens.
 */
export async function restartWith(
  change: () => void,
  { postfix, copy, answering }: { postfix: Postfix; copy: MasterCfCopy; answering: boolean },
): Promise<void> {
  if (!postfix.isRunning) {
    change();
    return;
  }
  if (answering) {
    change();
  } else {
    const putBack = copy.remember();
    try {
      await forget(postfix);
    } finally {
      putBack();
      change();
    }
  }
  postfix.reload();
}

/** Without the service nobody listens any more. */
async function forget(postfix: Postfix): Promise<void> {
  const { socketPath } = postfix;
  postfix.removeService(`${postfix.serviceName}/unix`);
  postfix.reload();
  const untilMs = performance.now() + goneLimitMs;
  while ((await isListenedTo(socketPath)) && performance.now() < untilMs) {
    await new Promise((resolve) => {
      setTimeout(resolve, pauseMs);
    });
  }
}

async function isListenedTo(path: string): Promise<boolean> {
  const socket = connectToPath(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    // Refused, or no longer there.
    return false;
  } finally {
    socket.destroy();
  }
}
