/**
 * The interface to systemd: reports the state of the service (sd_notify(3)) and
 * that it still runs (the watchdog), and takes over listening sockets
 * (sd_listen_fds(3)). Without systemd nothing here does anything. When a message
 * can't be sent, one warning is logged, and service goes on.
 */
import { closeSync } from 'node:fs';
import type { Logger } from '../log/logger.ts';
import { connectUnix, reasonOf, sendNow } from '../system/calls.ts';

const firstDescriptor = 3;
const variables = [
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
] as const;

export interface Systemd {
  /** Sockets to serve in the place of our own. */
  readonly descriptors: readonly number[];
  /** @param status one line for `systemctl status`. */
  ready(status: string): void;
  reloading(): void;
  stopping(): void;
  /** Tells from now on that the process isn't stuck. */
  startWatchdog(): void;
}

/** Takes the variables out of the environment: they are for this process alone. */
export function takeSystemd(environment: NodeJS.ProcessEnv, log: Logger): Systemd {
  const taken = new Map(variables.map((name) => [name, environment[name] ?? '']));
  for (const name of variables) {
    delete environment[name];
  }
  const socket = taken.get('NOTIFY_SOCKET')!;
  let warned = false;
  const notify = (text: string): void => {
    if (socket === '') {
      return;
    }
    try {
      send(socket, text);
    } catch (thrown) {
      if (!warned) {
        warned = true;
        log.warning(`cannot tell systemd at ${socket}: ${reasonOf(thrown)}`);
      }
    }
  };
  return {
    descriptors: descriptorsOf(taken.get('LISTEN_PID')!, taken.get('LISTEN_FDS')!),
    ready: (status) => notify(`READY=1\nSTATUS=${status}`),
    // systemd then waits for a READY that was sent after this time.
    reloading: () => notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => notify('STOPPING=1'),
    startWatchdog() {
      const periodMs = watchdogMs(taken.get('WATCHDOG_PID')!, taken.get('WATCHDOG_USEC')!);
      if (periodMs > 0) {
        setInterval(() => notify('WATCHDOG=1'), periodMs / 2).unref();
      }
    },
  };
}

function send(socket: string, text: string): void {
  const fd = connectUnix(socket.replace(/^@/u, '\0'), 'datagram');
  try {
    sendNow(fd, Buffer.from(text));
  } finally {
    closeSync(fd);
  }
}

function descriptorsOf(pid: string, count: string): number[] {
  if (pid !== String(process.pid) || !/^[1-9]\d{0,2}$/u.test(count)) {
    return [];
  }
  return Array.from({ length: Number(count) }, (_, index) => firstDescriptor + index);
}

/** @returns 0 when none is wanted of this process. */
function watchdogMs(pid: string, microseconds: string): number {
  const ours = pid === '' || pid === String(process.pid);
  return ours && /^\d+$/u.test(microseconds) ? Number(microseconds) / 1000 : 0;
}
