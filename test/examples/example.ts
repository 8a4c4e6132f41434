/** A program of examples/ as a process, and a client that asks it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { TLSSocket } from 'node:tls';
import { certificate } from '../postfix/certificate.ts';
import { root } from '../package/read-package.ts';

export interface Answer {
  text: string;
  resumed: boolean;
  session: Buffer | undefined;
}

/** Only a failure takes so long. */
const limitMs = 30_000;

export class Example {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #reader: Interface;
  #output = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    this.#reader = createInterface({ input: child.stdout! });
    this.#reader.on('line', (line) => void this.#lines.push(line));
  }

  /** @param name of the file; the example listens on any port. */
  static async start(name: string, environment: NodeJS.ProcessEnv): Promise<Example> {
    const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-example-'));
    const pem = join(folder, 'both.pem');
    writeFileSync(pem, await certificate());
    const child = spawn(process.execPath, [join(root, 'examples/node', name)], {
      env: { ...process.env, PORT: '0', TLS_KEY: pem, TLS_CERT: pem, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.once('close', () => rmSync(folder, { recursive: true }));
    return new Example(child);
  }

  /** Waits for a line that fits. @returns what the first group has matched. */
  async says(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.#lines.map((line) => pattern.exec(line)).find((match) => match !== null);
      if (found !== undefined) {
        return found[1] ?? '';
      }
      const limit = AbortSignal.timeout(limitMs);
      await once(this.#reader, 'line', { signal: limit }).catch(() =>
        assert.fail(`it has not said ${pattern}: ${this.#lines.join()} ${this.#output}`),
      );
    }
  }

  signal(name: 'SIGHUP'): void {
    this.#child.kill(name);
  }

  /** By SIGTERM, which has to end it in order. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    assert.deepEqual([await this.ended(), this.#output], [0, '']);
  }

  /** @returns its exit status, once it has ended by itself. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null) {
      await once(this.#child, 'close');
    }
    return this.#child.exitCode;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** One request over a connection of its own, with a session to resume. */
export async function fetchOnce(port: string, path: string, session?: Buffer): Promise<Answer> {
  const request = get({
    host: '127.0.0.1',
    port,
    path,
    servername: 'mx.example',
    rejectUnauthorized: false,
    agent: false,
    ...(session === undefined ? {} : { session }),
  });
  const [socket] = (await once(request, 'socket')) as [TLSSocket];
  let newest: Buffer | undefined;
  socket.on('session', (found: Buffer) => (newest = found));
  const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>];
  let text = '';
  for await (const piece of response) {
    text += piece.toString();
  }
  return { text, resumed: socket.isSessionReused(), session: newest };
}
