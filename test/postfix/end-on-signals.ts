/** For what must not outlive a test process, however that ends. */

let endsOnSignals = false;

/** Lets the exit handlers run when the test runner ends this process by a signal. */
export function endOnSignals(): void {
  if (!endsOnSignals) {
    endsOnSignals = true;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.once(signal, () => process.exit(1));
    }
  }
}
