/** An engine that is a Map: for tests of what uses an engine, and for the simulation. */
import {
  type Engine,
  type EngineConnection,
  EngineError,
  type EngineFlow,
  type EngineReport,
} from '../../src/fleet/engine/engine.ts';

export class EngineStore {
  readonly hashes = new Map<string, Map<string, Buffer>>();
  readonly expiresAtMs = new Map<string, number>();

  /** The hash under a key, while it hasn't expired. */
  hash(key: string, nowMs: number): Map<string, Buffer> | undefined {
    if ((this.expiresAtMs.get(key) ?? Number.POSITIVE_INFINITY) <= nowMs) {
      this.hashes.delete(key);
      this.expiresAtMs.delete(key);
    }
    return this.hashes.get(key);
  }

  /** @returns false: the field has a value already. */
  putOnce(key: string, field: string, value: Buffer, nowMs: number): boolean {
    let hash = this.hash(key, nowMs);
    if (hash === undefined) {
      hash = new Map();
      this.hashes.set(key, hash);
    }
    if (hash.has(field)) {
      return false;
    }
    hash.set(field, Buffer.from(value));
    return true;
  }

  clear(): void {
    this.hashes.clear();
    this.expiresAtMs.clear();
  }

  copy(): EngineStore {
    const copy = new EngineStore();
    copy.takeOver(this);
    return copy;
  }

  /** Becomes what another store is. Values are never changed, so they are shared. */
  takeOver(other: EngineStore): void {
    this.clear();
    for (const [key, hash] of other.hashes) {
      this.hashes.set(key, new Map(hash));
    }
    for (const [key, expiresAtMs] of other.expiresAtMs) {
      this.expiresAtMs.set(key, expiresAtMs);
    }
  }

  /** All values of all hashes: `key field`, value. */
  get values(): [string, Buffer][] {
    return [...this.hashes].flatMap(([key, hash]) =>
      [...hash].map(([field, value]): [string, Buffer] => [`${key} ${field}`, value]),
    );
  }
}

export type EngineCall = 'time' | 'read' | 'put' | 'expire';

export interface MapEngineOptions {
  readonly store: () => EngineStore;
  readonly nowMs: () => number;
  /** Called at the beginning of each call. Throws or rejects when it is to fail. */
  readonly pass?: (call: EngineCall) => void | Promise<void>;
}

export class MapEngine implements Engine {
  connection: EngineConnection = 'up';
  reads: EngineFlow = 'open';
  writes: EngineFlow = 'open';
  /** Calls so far, by their kind. */
  readonly calls: Record<EngineCall, number> = { time: 0, read: 0, put: 0, expire: 0 };
  readonly #options: MapEngineOptions;
  readonly #listeners: (() => void)[] = [];

  constructor(options: MapEngineOptions) {
    this.#options = options;
  }

  start(): void {}

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  change(to: Partial<Pick<MapEngine, 'connection' | 'reads' | 'writes'>>): void {
    Object.assign(this, to);
    this.#listeners.forEach((listener) => listener());
  }

  async timeMs(): Promise<number> {
    await this.#pass('time');
    return this.#options.nowMs();
  }

  async fields(key: string, most: number): Promise<Map<string, Buffer>> {
    await this.#pass('read');
    const hash = this.#options.store().hash(key, this.#options.nowMs());
    return new Map(
      [...(hash ?? [])].slice(0, most).map(([field, value]) => [field, Buffer.from(value)]),
    );
  }

  async putFieldOnce(key: string, field: string, value: Buffer): Promise<boolean> {
    await this.#pass('put');
    return this.#options.store().putOnce(key, field, value, this.#options.nowMs());
  }

  async expireAt(key: string, expiresAtMs: number): Promise<void> {
    await this.#pass('expire');
    const store = this.#options.store();
    if (store.hashes.has(key)) {
      store.expiresAtMs.set(key, expiresAtMs);
    }
  }

  report(): EngineReport {
    throw new EngineError('not part of this engine');
  }

  closeNow(): void {
    this.change({ connection: 'closed' });
  }

  get(): Promise<never> {
    return notHere();
  }

  set(): Promise<never> {
    return notHere();
  }

  unlink(): Promise<never> {
    return notHere();
  }

  putField(): Promise<never> {
    return notHere();
  }

  removeFields(): Promise<never> {
    return notHere();
  }

  info(): Promise<never> {
    return notHere();
  }

  async #pass(call: EngineCall): Promise<void> {
    this.calls[call] += 1;
    await this.#options.pass?.(call);
    if (this.connection !== 'up') {
      throw new EngineError(`the engine is ${this.connection}`);
    }
  }
}

function notHere(): Promise<never> {
  return Promise.reject(new EngineError('not part of this engine'));
}
