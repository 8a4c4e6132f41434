/**
 * A source of ticket keys. The requests and the report use this interface only.
 * The key ring of this process (key-ring.ts) is one source.
 *
 * A source answers at once with the keys that it holds. A source that shares its
 * keys with other hosts may have to ask first. Then it answers later
 * (system/later.ts), after a short and limited time:
 *
 * - A buffer that is returned at once is lent. It is valid until the next call on
 *   the source. The caller neither keeps it nor changes it.
 * - What comes later belongs to the caller, who overwrites it after use.
 * - The bytes of a name are valid only during the call. A source that answers later
 *   copies them first.
 * - A promise rejects when keys are no longer given out at the time of the answer.
 */
import type { MaybeLater } from '../system/later.ts';

export type KeySourceState =
  /** No tickets are given out: the smtpd session lifetime is 0. */
  | 'off'
  /** Keys are given out. */
  | 'serving'
  /** All keys are overwritten, and none is made any more. */
  | 'closed';

/** A key and its times, in seconds since 1970. */
export interface SourceKey {
  /** 88 bytes (ticket-key.ts). Who may change them: see above. */
  readonly bytes: Buffer;
  /** The first second in which it seals new tickets. */
  readonly sealFromSeconds: number;
  /** The first second in which it no longer seals. A key that never seals has both the same. */
  readonly sealUntilSeconds: number;
  /** The first second in which it no longer opens tickets. */
  readonly openUntilSeconds: number;
}

/** A key without its secrets. */
export interface KeyDescription {
  /** 16 hex digits of a hash over its name. They identify the key and don't reveal it. */
  fingerprint: string;
  /** Since this process has the key. */
  ageSeconds: number;
  /** Time until it no longer seals; negative after that. */
  sealsForSeconds: number;
  /** Time until it no longer opens tickets. */
  opensForSeconds: number;
  /** Of a key that hosts share: how it came to be. `continued` goes back to a random key. */
  origin?: 'random' | 'continued' | 'derived';
  /** Of a key that hosts share: whether all hosts have it that reach the engine. */
  confirmed?: boolean;
  /** Of a key that hosts share: the host that made it; empty for a derived key. */
  madeBy?: string;
}

export interface KeySource {
  readonly state: KeySourceState;
  /**
   * The key that seals new tickets: 88 bytes. Call it only while the state is
   * `serving`. Throws TlsmgrError `GENERATOR` when no good key can be made.
   */
  current(): MaybeLater<Buffer>;
  /** The key with the 16-byte name at names[start]; undefined when it is unknown or too old. */
  named(names: Buffer, start: number): MaybeLater<Buffer | undefined>;
  /** All keys that open tickets. The one that seals comes first. Throws as current() does. */
  keys(): MaybeLater<SourceKey[]>;
  /** All keys that open tickets, without their secrets: the one that seals, then the newest. Makes no key. */
  describe(): KeyDescription[];
  /** Uses another smtpd session lifetime from now on. */
  changeLifetime(lifetimeSeconds: number): void;
  /** Overwrites all keys: the process is ending. */
  wipe(): void;
}
