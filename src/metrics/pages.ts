/**
 * What is answered to which path: /metrics, /healthz, /status.json and the
 * page's files. Knows no socket.
 */
import type { Report } from '../report/report.ts';
import { acceptedFormat } from './accepted-format.ts';
import { EventLoopDelay } from './event-loop-delay.ts';
import { Exposition } from './exposition.ts';
import { countOpenFiles } from './open-files.ts';
import { readPageFiles } from './page-files.ts';

export interface Answer {
  status: 200 | 404 | 503;
  type: string;
  body: Buffer | string;
}

const textType = 'text/plain; charset=utf-8';

/** Make it before the chroot: it opens files. */
export class Pages {
  readonly #files = readPageFiles();
  readonly #expositions = {
    text: new Exposition('text'),
    openmetrics: new Exposition('openmetrics'),
  };
  readonly #loopDelay = new EventLoopDelay();
  readonly #openFiles = countOpenFiles();
  #makeReport: (() => Report) | undefined;

  /** From now on there is something to tell. */
  serve(makeReport: () => Report): void {
    this.#makeReport = makeReport;
  }

  /** @param path without its query; @param accept the Accept header. */
  async answer(path: string, accept: string | undefined): Promise<Answer> {
    const file = this.#files.get(path);
    if (file !== undefined) {
      return { status: 200, ...file };
    }
    const tell = this.#routes[path];
    if (tell === undefined) {
      return { status: 404, type: textType, body: 'not found\n' };
    }
    const report = this.#makeReport?.();
    if (report === undefined) {
      return { status: 503, type: textType, body: 'starting\n' };
    }
    return tell(report, accept);
  }

  readonly #routes: Record<
    string,
    (report: Report, accept: string | undefined) => Answer | Promise<Answer>
  > = {
    __proto__: null as never,
    '/metrics': async (report, accept) => {
      const exposition = this.#expositions[acceptedFormat(accept)];
      const body = await exposition.render({
        report,
        loopDelay: this.#loopDelay.read(),
        openFiles: this.#openFiles(),
      });
      return { status: 200, type: exposition.contentType, body };
    },
    '/status.json': (report) => {
      return { status: 200, type: 'application/json', body: JSON.stringify(report) };
    },
    '/healthz': ({ problems }) => {
      const errors = problems.filter(({ severity }) => severity === 'error');
      return errors.length === 0
        ? { status: 200, type: textType, body: 'ok\n' }
        : { status: 503, type: textType, body: errors.map(({ text }) => `${text}\n`).join('') };
    },
  };
}
