/**
 * Tells of each call on the tracing channel `tlsmgr.request`, from the call to
 * its end. Neither ids nor what is stored under them are part of it.
 */
import { tracingChannel } from 'node:diagnostics_channel';
import { TlsmgrError } from '../errors.ts';
import { isAbortReason } from './abort-watch.ts';

/** What subscribers of the tracing channel `tlsmgr.request` get. */
export interface RequestMessage {
  /** `lookup`, `update`, `tktring`: the names of docs/protocol.md. */
  request: string;
  /** Undefined for a request that is not about a cache. */
  cache: string | undefined;
  /** Of the client's options. */
  socketPath: string;
  /**
   * From `asyncStart` on: `done`; `nothing` for a miss, a session that isn't
   * stored, or no key; the code of a TlsmgrError; `aborted` by the caller's signal.
   */
  outcome: string | undefined;
}

const requests = tracingChannel<unknown, RequestMessage>('tlsmgr.request');

/** Whether anybody wants to know; nothing else is spent where nobody does. */
export function isTraced(): boolean {
  return requests.hasSubscribers;
}

/** @param signal of the call. @param ask makes the call. @returns what it gives. */
export async function trace<T>(
  asked: Pick<RequestMessage, 'request' | 'cache' | 'socketPath'>,
  signal: AbortSignal | null | undefined,
  ask: () => Promise<T>,
): Promise<T> {
  const message: RequestMessage = { ...asked, outcome: undefined };
  let value: T;
  // The channel would hand on what its function gives.
  await requests.tracePromise(async () => {
    try {
      value = await ask();
      message.outcome = value === undefined || value === false ? 'nothing' : 'done';
    } catch (thrown) {
      const isOurs = thrown instanceof TlsmgrError && !isAbortReason(signal, thrown);
      message.outcome = isOurs ? thrown.code : 'aborted';
      throw thrown;
    }
  }, message);
  return value!;
}
