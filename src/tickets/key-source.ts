/**
 * Where ticket keys come from. The requests and the report know no more of it
 * than this; the key ring of this process (key-ring.ts) is one source.
 *
 * Every question is answered at once, from what the source holds. A source that
 * has to fetch keys does so behind: a name that it doesn't know yet is unknown
 * until the key has come.
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
  /** It seals new tickets from here on ... */
  readonly sealFromSeconds: number;
  /** ... until before here, ... */
  readonly sealUntilSeconds: number;
  /** ... and opens tickets until before here. */
  readonly openUntilSeconds: number;
}

/** A key without its secrets. */
export interface KeyDescription {
  /** Names the key to people without giving it away: 16 hex digits of a hash over its name. */
  fingerprint: string;
  ageSeconds: number;
  /** Until it seals no more; negative once retired. */
  sealsForSeconds: number;
  /** Until it opens no more. */
  opensForSeconds: number;
}

export interface KeySource {
  readonly state: KeySourceState;
  /**
   * The key that seals new tickets. 88 bytes, not to be kept or changed. Only of
   * a source that is serving. Throws TlsmgrError `GENERATOR` when no good key can be made.
   */
  current(): Buffer;
  /** The key of the 16-byte name at names[start], while it opens tickets. */
  named(names: Buffer, start: number): Buffer | undefined;
  /** Every key that seals or opens, the one that seals first. Throws as current() does. */
  keys(): SourceKey[];
  /** The keys that seal or open, newest first, without their secrets. Makes none. */
  describe(): KeyDescription[];
  /** Goes by another smtpd session lifetime from now on. */
  changeLifetime(lifetimeSeconds: number): void;
  /** Overwrites all keys: the process is ending. */
  wipe(): void;
}
