/**
 * Finds the source of entropy that a value of tls_random_source names.
 *
 *     dev:/path   a device: one read at a time        device-source.ts
 *     egd:/path   an EGD server's socket              egd-source.ts
 *     path        a regular file, read once           file-source.ts
 *     (empty)     none
 */
import { DeviceSource } from './device-source.ts';
import { EgdSource } from './egd-source.ts';
import type { EntropySource } from './entropy-source.ts';
import { FileSource } from './file-source.ts';

/** The most that one read asks of a device or an EGD server. */
export const longestRead = 255;

/** How long each step may take. Source: src/tlsmgr/tlsmgr.c, TLS_MGR_TIMEOUT. */
export const sourceTimeoutMs = 10_000;

/** The source that a value of tls_random_source names; undefined for an empty one. */
export function sourceOf(value: string, timeoutMs = sourceTimeoutMs): EntropySource | undefined {
  if (value === '') {
    return undefined;
  }
  if (value.startsWith('dev:')) {
    return new DeviceSource(value.slice(4), timeoutMs);
  }
  if (value.startsWith('egd:')) {
    return new EgdSource(value.slice(4), timeoutMs);
  }
  return new FileSource(value);
}
