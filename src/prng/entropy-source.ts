/**
 * What every external source of entropy can do. A source is opened before the
 * chroot with root's rights and read afterwards. Only its reader waits for it.
 */
export interface EntropySource {
  /**
   * Opens or connects. Throws TlsmgrError `SOURCE` with the log's text; may be
   * called again after a failure.
   */
  open(): Promise<void>;
  /** What the source gives at once or within the time limit; throws TlsmgrError `SOURCE`. */
  read(bytes: number): Promise<Buffer>;
  /** Whether there is anything to read again later. */
  readonly lasting: boolean;
  close(): void;
}
