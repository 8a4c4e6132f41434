/** A transport whose writes are taken, and whose close comes, when a test says so. */
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

export class ScriptedTransport implements Transport {
  readonly descriptor: number | undefined;
  /** Whether the next write is taken at once. */
  takesWrites = true;
  paused = false;
  ended = false;
  destroyed = false;
  sent = '';
  readonly connection: Connection;

  constructor(service: SocketServer, descriptor?: number) {
    this.descriptor = descriptor;
    this.connection = new Connection(this, service);
  }

  write(buffer: Buffer, length: number): boolean {
    this.sent += buffer.toString('latin1', 0, length);
    return this.takesWrites;
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

  receive(text: string): void {
    // Only lent: whoever keeps it reads something else afterwards.
    const lent = Buffer.from(text, 'latin1');
    this.connection.received(lent, lent.length);
    lent.fill(0xff);
  }
}
