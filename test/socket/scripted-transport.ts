/** A transport whose writes are taken, and whose close comes, when a test says so. */
import assert from 'node:assert/strict';
import { postfixCacheNames } from '../../src/config/cache-names.ts';
import { systemClock } from '../../src/system/clock.ts';
import { Connection } from '../../src/socket/connection.ts';
import type { SocketServer } from '../../src/socket/socket-server.ts';
import type { Transport } from '../../src/socket/transport.ts';
import { type ServiceParts, serviceOf } from './service-parts.ts';

/** A service of the given request types: it announces nothing, and its caches are off. */
export function serviceOfTypes(
  extraTypes: NonNullable<ServiceParts['extraTypes']>,
  parts: Partial<ServiceParts> = {},
): SocketServer {
  const off = { lifetimeSeconds: 60, cache: undefined };
  return serviceOf({
    pool: { fill: () => {}, stirTime: () => {}, stirData: () => {} },
    caches: { all: postfixCacheNames.map((label) => ({ label, ...off })) },
    lifetimeSeconds: 60,
    clock: systemClock,
    report: {},
    warn: () => {},
    announce: false,
    extraTypes,
    ...parts,
  }).service;
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * What a write hands over and isn't taken at once is copied as late as the
 * contract allows, when it is drained: a buffer that another connection's replies
 * were written to in the meantime would show. Throws when the service breaks the
 * contract of the transport.
 */
export class ScriptedTransport implements Transport {
  readonly descriptor: number | undefined;
  /** Whether the next write is taken at once. */
  takesWrites: boolean;
  paused = false;
  ended = false;
  destroyed = false;
  /** Of a write that isn't taken yet. */
  held: Buffer | undefined;
  readonly #taken: Buffer[] = [];
  readonly #takesWrite: () => boolean;
  readonly connection: Connection;

  /** @param takesWrite asked at each write, where `takesWrites` isn't set to say no. */
  constructor(service: SocketServer, descriptor?: number, takesWrite = (): boolean => true) {
    this.descriptor = descriptor;
    this.takesWrites = true;
    this.#takesWrite = takesWrite;
    this.connection = new Connection(this, service);
  }

  get isOver(): boolean {
    return this.ended || this.destroyed;
  }

  /** Writes that have been taken. */
  get writes(): number {
    return this.#taken.length;
  }

  get takenBytes(): Buffer {
    return Buffer.concat(this.#taken);
  }

  /** All that was written, taken or not. */
  get sent(): string {
    return Buffer.concat([...this.#taken, this.held ?? Buffer.alloc(0)]).toString('latin1');
  }

  /** What has been taken so far is told no more. */
  forgetSent(): void {
    this.#taken.length = 0;
  }

  write(buffer: Buffer, length: number): boolean {
    assert.ok(!this.isOver, 'writes to a connection that it has closed');
    assert.equal(this.held, undefined, 'writes before the last write is drained');
    const bytes = buffer.subarray(0, length);
    if (this.takesWrites && this.#takesWrite()) {
      this.#taken.push(Buffer.from(bytes));
      return true;
    }
    this.held = bytes;
    return false;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  receive(bytes: string | Buffer): void {
    // Only lent: whoever keeps it reads something else afterwards.
    const lent = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);
    this.connection.received(lent, lent.length);
    lent.fill(0xff);
  }

  /** The write that was held is sent now. */
  takeHeld(): void {
    if (this.held !== undefined) {
      this.#taken.push(Buffer.from(this.held));
      this.held = undefined;
    }
  }

  drained(): void {
    this.takeHeld();
    this.connection.drained();
  }
}
