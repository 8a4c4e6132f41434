/** Turns the signals that would end the process into an abort, so that a change can be rolled back. */
import { TlsmgrError } from '../../errors.ts';

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface SignalAbort {
  signal: AbortSignal;
  /** Lets the signals do what they usually do. */
  release(): void;
}

export function abortOnSignals(): SignalAbort {
  const controller = new AbortController();
  const abort = (name: NodeJS.Signals): void => {
    controller.abort(new TlsmgrError('UNAVAILABLE', `interrupted by ${name}`));
  };
  for (const name of endingSignals) {
    process.on(name, abort);
  }
  return {
    signal: controller.signal,
    release: () => {
      for (const name of endingSignals) {
        process.off(name, abort);
      }
    },
  };
}
