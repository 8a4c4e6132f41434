/** Lets a second thread (hang-worker.mjs) see which input is being tried, in case it never ends. */
import { Worker } from 'node:worker_threads';

/** No input of a few kB takes anything like it. */
const usualHangSeconds = 20;
/** A count of inputs and the length of this one, before its bytes. */
const headBytes = 8;
const longestInput = 65_536;

export class HangWatch {
  readonly #shared = new SharedArrayBuffer(headBytes + longestInput);
  readonly #counter = new Int32Array(this.#shared, 0, 1);
  readonly #length = new Int32Array(this.#shared, 4, 1);
  readonly #bytes = Buffer.from(this.#shared, headBytes);
  readonly #worker: Worker;

  constructor(hangSeconds: number = usualHangSeconds) {
    this.#worker = new Worker(new URL('hang-worker.mjs', import.meta.url), {
      workerData: { shared: this.#shared, hangSeconds },
      execArgv: [],
    });
    this.#worker.unref();
  }

  /** This input is tried from now on. */
  begin(input: Buffer): void {
    this.#length[0] = input.copy(this.#bytes);
    Atomics.add(this.#counter, 0, 1);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
