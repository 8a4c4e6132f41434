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

/** @param pid of the daemon that serves; undefined when none of ours does. */
export async function metricsPortFindings(
  { metricsListen }: Config,
  pid: number | undefined,
): Promise<Finding[]> {
  if (metricsListen?.kind !== 'tcp') {
    return [];
  }
  const who = await whoListens(metricsListen);
  if (who === 'nobody' || (pid !== undefined && who === pid)) {
    return [];
  }
  const { port } = metricsListen;
  const other = who === 'stranger' ? 'another program' : `the tlsmgr of process ${who}`;
  return [
    {
      severity: 'error',
      name: 'metrics-port-taken',
      text: `tlsmgr_metrics_listen = ${addressText(metricsListen)}: ${other} listens there: no metrics are served`,
      remedy: `ss -tlnp 'sport = :${port}'  # shows who; give one of them another port, then postfix reload`,
    },
  ];
}

/** The process of a tlsmgr, by its own report. */
function whoListens(address: ListenAddress): Promise<number | 'nobody' | 'stranger'> {
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
        resolve(pidIn(text) ?? 'stranger');
      });
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(patience);
      resolve(nobodyCodes.has(error.code ?? '') ? 'nobody' : 'stranger');
    });
  });
}

function pidIn(text: string): number | undefined {
  try {
    const { pid, serviceName } = JSON.parse(text) as { pid?: unknown; serviceName?: unknown };
    return typeof pid === 'number' && typeof serviceName === 'string' ? pid : undefined;
  } catch {
    // No JSON: not ours.
    return undefined;
  }
}
