/**
 * The ticket key callback of a secure context: asked by OpenSSL for each ticket
 * that is sealed or opened. Node has it for tests of its own
 * (`enableTicketKeyCallback`), so hook-check.ts tries it before it is used.
 *
 * Node ends the process, or the connection, for a result of another form. So
 * the answer is always there at once, never throws, and is always a number and
 * four buffers: [outcome, HMAC key, AES key, name, iv].
 */
import { randomFillSync } from 'node:crypto';

/** 48 bytes of secrets and the name that a ticket begins with. */
export interface CallbackKey {
  readonly name: Buffer;
  readonly aes: Buffer;
  readonly hmac: Buffer;
}

/** The object behind a secure context. Not public but for setTicketKeys' use of it. */
export interface NativeContext {
  enableTicketKeyCallback?: () => void;
  onticketkeycallback?: TicketKeyCallback;
  setTicketKeys?: (keys: Buffer) => void;
  setSessionIdContext?: (context: string) => void;
  setSessionTimeout?: (seconds: number) => void;
}

type Answer = readonly [number, Buffer, Buffer, Buffer, Buffer];
export type TicketKeyCallback = (name: Buffer, iv: Buffer, sealing: boolean) => Answer;

const outcome = { none: 0, fine: 1, fineAndRenew: 2 } as const;

export interface CallbackOptions {
  /** The key that seals; undefined for no ticket. */
  sealing: () => CallbackKey | undefined;
  /** The key that opens tickets of this name; undefined for a full handshake. */
  named: (name: Buffer) => CallbackKey | undefined;
  /** Whether a ticket that the key has opened is replaced by a new one. */
  renews: (key: CallbackKey) => boolean;
}

export function ticketKeyCallback({ sealing, named, renews }: CallbackOptions): TicketKeyCallback {
  const seal = (): Answer => {
    const key = sealing();
    if (key === undefined) {
      return noKey();
    }
    const iv = randomFillSync(Buffer.allocUnsafeSlow(16));
    return [outcome.fine, key.hmac, key.aes, key.name, iv];
  };
  const open = (name: Buffer, iv: Buffer): Answer => {
    const key = named(name);
    if (key === undefined) {
      return noKey();
    }
    return [renews(key) ? outcome.fineAndRenew : outcome.fine, key.hmac, key.aes, key.name, iv];
  };
  return (name, iv, isSealing) => {
    try {
      return isSealing ? seal() : open(name, iv);
    } catch {
      return noKey();
    }
  };
}

/** A full handshake, or no ticket. */
function noKey(): Answer {
  return [outcome.none, zeros, zeros, zeros, zeros];
}

const zeros = Buffer.alloc(16);

/** @returns false when this Node has no such callback. */
export function installCallback(context: NativeContext, callback: TicketKeyCallback): boolean {
  if (typeof context.enableTicketKeyCallback !== 'function') {
    return false;
  }
  context.onticketkeycallback = callback;
  context.enableTicketKeyCallback();
  return true;
}

/** The 48 bytes that setTicketKeys takes: name, the half of the HMAC key that it has room for, AES key. */
export function singleKey(key: CallbackKey): Buffer {
  return Buffer.concat([key.name, key.hmac.subarray(0, 16), key.aes]);
}
