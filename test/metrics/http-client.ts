/** One request over HTTP, to a port or a socket, with any Host. */
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface Got {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
}

export type Where = { host?: string; port: number } | { socketPath: string };

export function get(
  where: Where,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** The value of one line of metrics, `name{label="x"}` spelt whole; NaN when it isn't there. */
export function valueOf(text: string, series: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
}

/** Asks until the answer is as wanted; what can't be asked yet is asked again. */
export async function getUntil(
  where: Where,
  path: string,
  wanted: (got: Got) => boolean,
): Promise<Got> {
  const endMs = performance.now() + 30_000;
  for (;;) {
    const got = await get(where, path).catch((thrown: unknown) => String(thrown));
    if (typeof got !== 'string' && wanted(got)) {
      return got;
    }
    if (performance.now() > endMs) {
      throw new Error(`waited in vain for ${path}: ${JSON.stringify(got)}`);
    }
    await delay(10);
  }
}
