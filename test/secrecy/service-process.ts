/** A service in a process of its own (service-child.ts) whose memory can be searched. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { randomBytes } from 'node:crypto';
import { findInMemory } from './memory-search.ts';

const child = join(import.meta.dirname, 'service-child.ts');

/** Where its caches are kept. */
export type Behind = 'memory' | 'file' | 'sealed file';

export class ServiceProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'tlsmgr-secrecy-'));
  /** What the operating system's generator gives it. */
  readonly entropy = randomBytes(65_536);
  /** What seals its files, one key. */
  readonly sealingKey = randomBytes(32);
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;

  /** @returns one that serves. */
  static async start(behind: Behind): Promise<ServiceProcess> {
    const service = new ServiceProcess(behind);
    await once(service.#lines, 'line');
    return service;
  }

  private constructor(behind: Behind) {
    writeFileSync(
      join(this.folder, 'entropy'),
      this.entropy.map((byte) => ~byte),
    );
    writeFileSync(join(this.folder, 'keys'), this.sealingKey.toString('hex'), { mode: 0o600 });
    this.#process = spawn(process.execPath, ['--import', 'tsx', child, this.folder, behind], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#process.stdout });
  }

  get socketPath(): string {
    return join(this.folder, 'socket');
  }

  async tell(command: string): Promise<void> {
    const answered = once(this.#lines, 'line');
    this.#process.stdin.write(`${command}\n`);
    await answered;
  }

  find(secrets: ReadonlyMap<string, Buffer>): string[] {
    return findInMemory(this.#process.pid!, secrets);
  }

  end(): void {
    this.#process.kill();
    rmSync(this.folder, { recursive: true });
  }
}
