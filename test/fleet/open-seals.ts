/**
 * Seals that hide nothing, for tests and the simulation: a value stands behind the
 * place that it belongs to and its expiry. Derived keys are those of the fleet.
 */
import { hkdfSync } from 'node:crypto';
import type { KeyPlace, OpenedValue, Seals } from '../../src/fleet/seals.ts';

export class OpenSeals implements Seals {
  readonly #secrets: readonly Buffer[];

  constructor(secrets: readonly Buffer[] = [Buffer.alloc(32, 'secret')]) {
    this.#secrets = secrets;
  }

  get secrets(): number {
    return this.#secrets.length;
  }

  readonly forged = 0;

  hasExpired(sealed: Buffer, nowMs: number): boolean {
    const head = sealed.toString('latin1', 0, Math.max(0, sealed.indexOf('\n')));
    return Number(head.slice(head.lastIndexOf(' ') + 1)) <= nowMs && head.includes(' ');
  }

  sealKey(place: KeyPlace, expiresAtMs: number, value: Buffer): Buffer {
    const head = Buffer.from(`${textOf(place)} ${expiresAtMs}\n`, 'latin1');
    return Buffer.concat([head, value]);
  }

  openKey(place: KeyPlace, sealed: Buffer, nowMs: number): OpenedValue | undefined {
    const end = sealed.indexOf('\n');
    const head = sealed.toString('latin1', 0, Math.max(0, end));
    const blank = head.lastIndexOf(' ');
    const expiresAtMs = Number(head.slice(blank + 1));
    return head.slice(0, blank) === textOf(place) && nowMs < expiresAtMs
      ? { bytes: Buffer.from(sealed.subarray(end + 1)), expiresAtMs }
      : undefined;
  }

  derivedKeys(set: string, periodSeconds: number, period: number): Buffer[] {
    const numbers = Buffer.alloc(12);
    numbers.writeUInt32BE(periodSeconds, 0);
    numbers.writeBigUInt64BE(BigInt(period), 4);
    const info = Buffer.concat([Buffer.from(`tlsmgr fleet 1 ticket\0${set}\0`, 'utf8'), numbers]);
    return this.#secrets.map((secret) =>
      Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), info, 80)),
    );
  }

  sessionKeys(): never {
    throw new TypeError('no sessions are sealed here');
  }

  sealSession(): never {
    throw new TypeError('no sessions are sealed here');
  }

  openSession(): never {
    throw new TypeError('no sessions are sealed here');
  }

  heartbeatField(): never {
    throw new TypeError('no heartbeats are sealed here');
  }

  sealHeartbeat(): never {
    throw new TypeError('no heartbeats are sealed here');
  }

  openHeartbeat(): never {
    throw new TypeError('no heartbeats are sealed here');
  }

  wipe(): void {}
}

function textOf({ set, periodSeconds, period, name }: KeyPlace): string {
  return `${set} ${periodSeconds} ${period} ${name.toString('latin1').replaceAll('\n', '?')}`;
}
