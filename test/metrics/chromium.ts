/**
 * A headless Chromium, driven over the pipe of its DevTools protocol
 * (--remote-debugging-pipe): JSON on descriptors 3 and 4, a zero byte after
 * each message. https://chromedevtools.github.io/devtools-protocol/
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

const path = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'chromium'))
  .find(canRun);

/** Why no browser can be run, or false. */
export const noChromium = path === undefined ? 'no chromium' : false;

type Parameters = Record<string, unknown>;

interface Message {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: Parameters;
  result?: Parameters;
  error?: { message: string };
}

export interface View {
  width: number;
  height: number;
  scheme: 'light' | 'dark';
  mobile?: boolean;
  scale?: number;
}

export class Chromium {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #listeners = new Map<string, (message: Message) => void>();
  #lastId = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#process = spawn(
      path!,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--disable-background-networking',
        '--no-first-run',
        `--user-data-dir=${folder}`,
        '--remote-debugging-pipe',
        'about:blank',
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    );
    const replies = this.#process.stdio[4] as Readable;
    let text = '';
    replies.setEncoding('utf8');
    replies.on('data', (chunk: string) => {
      const parts = (text + chunk).split('\0');
      text = parts.pop()!;
      for (const part of parts) {
        this.#take(JSON.parse(part) as Message);
      }
    });
  }

  static async start(): Promise<Chromium> {
    const chromium = new Chromium(mkdtempSync(join(tmpdir(), 'tlsmgr-chromium-')));
    await chromium.send('Browser.getVersion');
    return chromium;
  }

  async send(method: string, params: Parameters = {}, sessionId?: string): Promise<Parameters> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<Message>((resolve) => {
      this.#waiting.set(id, resolve);
    });
    const session = sessionId === undefined ? {} : { sessionId };
    const requests = this.#process.stdio[3] as Writable;
    requests.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    const { result, error } = await answer;
    if (error !== undefined) {
      throw new Error(`${method}: ${error.message}`);
    }
    return result ?? {};
  }

  /** A new tab that tells of everything that it does. */
  async tab(view: View): Promise<Tab> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const tab = new Tab(this, sessionId as string);
    this.#listeners.set(sessionId as string, (message) => tab.take(message));
    await tab.prepare(view);
    return tab;
  }

  async close(): Promise<void> {
    const gone = once(this.#process, 'exit');
    // Its helpers end with it, and write no more.
    await this.send('Browser.close');
    await gone;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #take(message: Message): void {
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    } else if (message.sessionId !== undefined) {
      this.#listeners.get(message.sessionId)?.(message);
    }
  }
}

export class Tab {
  readonly #chromium: Chromium;
  readonly #sessionId: string;
  /** Whatever stands in the console, uncaught errors and CSP violations included. */
  readonly complaints: string[] = [];
  /** Every address that it asked for. */
  readonly requested: string[] = [];

  constructor(chromium: Chromium, sessionId: string) {
    this.#chromium = chromium;
    this.#sessionId = sessionId;
  }

  take({ method, params = {} }: Message): void {
    switch (method) {
      case 'Network.requestWillBeSent':
        this.requested.push((params['request'] as { url: string }).url);
        break;
      case 'Runtime.consoleAPICalled':
      case 'Runtime.exceptionThrown':
      case 'Log.entryAdded':
      case 'Audits.issueAdded':
        this.complaints.push(JSON.stringify(params));
        break;
      default:
    }
  }

  async prepare(view: View): Promise<void> {
    for (const domain of ['Page', 'Runtime', 'Network', 'Log', 'Audits']) {
      await this.#send(`${domain}.enable`);
    }
    await this.resize(view);
    await this.#send('Emulation.setScrollbarsHidden', { hidden: true });
    await this.#send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: view.scheme }],
    });
  }

  async resize({ width, height, mobile = false, scale = 1 }: View): Promise<void> {
    await this.#send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      mobile,
      deviceScaleFactor: scale,
    });
  }

  /** A key pressed and released where the focus is, by its name: `ArrowLeft`. */
  async press(key: string): Promise<void> {
    await this.#send('Input.dispatchKeyEvent', { type: 'keyDown', key });
    await this.#send('Input.dispatchKeyEvent', { type: 'keyUp', key });
  }

  /** Moves the pointer to a place of the window. */
  async point(x: number, y: number): Promise<void> {
    await this.#send('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y });
  }

  async open(url: string): Promise<void> {
    await this.#send('Page.navigate', { url });
  }

  /** @param expression of JavaScript; a promise is waited for. @returns its value. */
  async value<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) {
      throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    }
    return (result as { value: T }).value;
  }

  /** Waits in the page until the expression is true. */
  async until(expression: string): Promise<void> {
    for (;;) {
      // A page that is being left answers with an error.
      const met = await this.value<boolean>(
        `new Promise((done) => { const look = () => (${expression}) ? done(true) : setTimeout(look, 50); look(); })`,
      ).catch(() => false);
      if (met) {
        return;
      }
    }
  }

  /** @returns a PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.#send('Page.captureScreenshot', {
      format: 'png',
    });
    return Buffer.from(data as string, 'base64');
  }

  #send(method: string, params: Parameters = {}): Promise<Parameters> {
    return this.#chromium.send(method, params, this.#sessionId);
  }
}

function canRun(program: string): boolean {
  try {
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
