/** Whether what listens at tlsmgr_metrics_listen is the daemon, or another program. */
import { get } from 'node:http';
import type { Config } from '../../config/config.ts';
import { addressText, type ListenAddress } from '../../config/listen-address.ts';
import type { Finding } from '../findings/finding.ts';

const patienceMs = 2000;
/** Longer than any report. */
const longestText = 16 * 1024 * 1024;

/** Nobody listens there, or nobody here can. */
const nobodyCodes = new Set([
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
]);

/** A tlsmgr, by its own report. */
interface Listener {
  pid: number;
  /** An earlier version tells of none. */
  configDirectory: string | undefined;
}

/**
 * @param pid of the daemon that serves; undefined when none of ours does, or when
 * nobody knows: only root finds the process of Postfix. One that uses the same
 * main.cf is no other, then.
 */
export async function metricsPortFindings(
  { metricsListen, configDirectory }: Config,
  pid: number | undefined,
): Promise<Finding[]> {
  if (metricsListen?.kind !== 'tcp') {
    return [];
  }
  const who = await whoListens(metricsListen);
  if (who === 'nobody' || (who !== 'stranger' && isServing(who, pid, configDirectory))) {
    return [];
  }
  const { port } = metricsListen;
  const other = who === 'stranger' ? 'another program' : `the tlsmgr of process ${who.pid}`;
  return [
    {
      severity: 'warning',
      name: 'metrics-port-taken',
      text: `tlsmgr_metrics_listen = ${addressText(metricsListen)}: ${other} listens there: no metrics are served`,
      remedy: `ss -tlnp 'sport = :${port}'  # shows who; give one of them another port, then postfix reload`,
    },
  ];
}

function isServing(who: Listener, pid: number | undefined, configDirectory: string): boolean {
  return pid === undefined ? who.configDirectory === configDirectory : who.pid === pid;
}

function whoListens(address: ListenAddress): Promise<Listener | 'nobody' | 'stranger'> {
  return new Promise((resolve) => {
    const request = get(`http://${addressText(address)}/status.json`, { agent: false });
    const patience = setTimeout(() => {
      request.destroy();
      resolve('stranger');
    }, patienceMs);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > longestText) {
          request.destroy();
        }
      });
      response.on('close', () => {
        clearTimeout(patience);
        resolve(listenerIn(text) ?? 'stranger');
      });
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(patience);
      resolve(nobodyCodes.has(error.code ?? '') ? 'nobody' : 'stranger');
    });
  });
}

function listenerIn(text: string): Listener | undefined {
  try {
    const { pid, serviceName, configDirectory } = JSON.parse(text) as Record<string, unknown>;
    return typeof pid === 'number' && typeof serviceName === 'string'
      ? { pid, configDirectory: typeof configDirectory === 'string' ? configDirectory : undefined }
      : undefined;
  } catch {
    // No JSON: not ours.
    return undefined;
  }
}
