import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { notBuilt, Standalone } from './standalone.ts';

const launcher = join(import.meta.dirname, '../../bin/tlsmgr');
const noTerminal = spawnSync('script', ['--version']).status === 0 ? false : 'no script(1)';

/** `tlsmgr status --watch` on a terminal of its own, which script(1) makes. */
class Watched {
  readonly #script: ChildProcess;
  #shown = '';
  #changed = (): void => {};

  constructor(folder: string, rest = '') {
    this.#script = spawn(
      'script',
      [
        '-qefc',
        `stty cols 90 rows 30; ${launcher} status --watch --interval 0.1 ${rest}`,
        '/dev/null',
      ],
      { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, TERM: 'xterm' } },
    );
    this.#script.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#shown += text;
      this.#changed();
    });
  }

  /** Settles when this has been shown since the last call. */
  async shows(what: RegExp): Promise<void> {
    while (!what.test(this.#shown)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    this.#shown = '';
  }

  type(keys: string): void {
    this.#script.stdin!.write(keys);
  }

  /** @returns the exit status, and what was shown last. */
  async ended(): Promise<{ code: number | null; shown: string }> {
    const [code] = (await once(this.#script, 'close')) as [number | null];
    return { code, shown: this.#shown };
  }
}

describe('status --watch', { skip: notBuilt || noTerminal, timeout: 60_000 }, () => {
  const tlsmgr = new Standalone();
  before(() => tlsmgr.start());
  after(async () => {
    await tlsmgr.stop();
    tlsmgr.remove();
  });

  test('draws in place, says when the daemon is away, and goes on when it is back', async () => {
    const watched = new Watched(tlsmgr.folder);
    await watched.shows(/\[\?1049h.*OK.*requests\/s/su);
    await tlsmgr.stop();
    await watched.shows(/NO ANSWER for \d+s.*OK/su);
    await tlsmgr.start();
    await watched.shows(/\[H[^N]*OK.*up \d+s/su);
    const ended = watched.ended();
    watched.type('q');
    const { code, shown } = await ended;
    assert.equal(code, 0);
    assert.match(shown, /\[\?25h.*\[\?1049l\s*$/su);
  });

  test('Ctrl-C ends it as q does, and leaves the terminal as it was', async () => {
    const watched = new Watched(tlsmgr.folder, '; stty -a');
    await watched.shows(/requests\/s/u);
    const ended = watched.ended();
    watched.type('\u0003');
    const { shown } = await ended;
    assert.match(shown, /\[\?1049l.* icanon .* echo /su);
  });

  test('without a terminal it is a wrong argument', async () => {
    const { status, err } = await tlsmgr.run('status', '--watch');
    assert.equal(status, 3);
    assert.match(err, /needs a terminal/u);
    assert.equal((await tlsmgr.run('status', '--watch', '--json')).status, 3);
    assert.equal((await tlsmgr.run('status', '--interval', 'soon', '--watch')).status, 3);
  });
});
