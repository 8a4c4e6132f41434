/**
 * A source of ticket keys. The requests and the report use this interface only.
 * The key ring of this process (key-ring.ts) is one source.
 *
 * A source answers every call at once, with the keys that it holds. A source that
 * must fetch keys does so in the background. Until a key has arrived, its name is
 * unknown.
 */

export type KeySourceState =
  /** No tickets are given out: the smtpd session lifetime is 0. */
  | 'off'
  /** Keys are given out. */
  | 'serving'
  /** All keys are overwritten, and none is made any more. */
  | 'closed';

/** A key and its times, in seconds since 1970. */
export interface SourceKey {
  /** 88 bytes (ticket-key.ts); not to be kept or changed. */
  readonly bytes: Buffer;
  /** The first second in which it seals new tickets. */
  readonly sealFromSeconds: number;
  /** The first second in which it no longer seals. */
  readonly sealUntilSeconds: number;
  /** The first second in which it no longer opens tickets. */
  readonly openUntilSeconds: number;
}

/** A key without its secrets. */
export interface KeyDescription {
  /** 16 hex digits of a hash over its name. They identify the key and don't reveal it. */
  fingerprint: string;
  ageSeconds: number;
  /** Time until it no longer seals; negative after that. */
  sealsForSeconds: number;
  /** Time until it no longer opens tickets. */
  opensForSeconds: number;
}

export interface KeySource {
  readonly state: KeySourceState;
  /**
   * The key that seals new tickets: 88 bytes, not to be kept or changed. Call it
   * only while the state is `serving`. Throws TlsmgrError `GENERATOR` when no good
   * key can be made.
   */
  current(): Buffer;
  /** The key with the 16-byte name at names[start]; undefined when it is unknown or too old. */
  named(names: Buffer, start: number): Buffer | undefined;
  /** All keys that open tickets. The one that seals comes first. Throws as current() does. */
  keys(): SourceKey[];
  /** All keys that open tickets, newest first, without their secrets. Makes no key. */
  describe(): KeyDescription[];
  /** Uses another smtpd session lifetime from now on. */
  changeLifetime(lifetimeSeconds: number): void;
  /** Overwrites all keys: the process is ending. */
  wipe(): void;
}
