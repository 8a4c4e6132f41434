/** One run of the load generator against one daemon. */
import { clientProcessor, daemonProcessor, type Contestant } from './contestants.ts';
import { processorSeconds } from './processor-time.ts';
import { runLoad } from './run-load.ts';

export interface Workload {
  /** What load.c calls it. */
  operation: 'seed' | 'policy' | 'tktkey' | 'lookup' | 'miss' | 'update' | 'mix' | 'connect';
  connections: number;
  requests: number;
}

export interface Measurement {
  requestsPerSecond: number;
  /** Of daemon and master, microseconds a request. */
  processorMicroseconds: number;
  p50: number;
  p99: number;
  /** Share of the time that the load generator itself was running. */
  clientBusy: number;
}

/** Different session ids. */
const ids = 1000;

/**
 * With many connections the client has a processor to itself; with one it
 * shares the daemon's: across two processors of a virtual machine the wake-up
 * costs more than the work.
 */
export async function measure(contestant: Contestant, workload: Workload): Promise<Measurement> {
  const processor = workload.connections > 1 ? clientProcessor : daemonProcessor;
  const { socketPath } = contestant;
  const before = processorSeconds(contestant.pids);
  const result = await runLoad({ ...workload, socketPath, processor, ids });
  const used = processorSeconds(contestant.pids) - before;
  if (result.fail > 0) {
    throw new Error(`${contestant.name}: ${result.fail} of ${workload.operation} failed`);
  }
  return {
    requestsPerSecond: result.requests / result.seconds,
    processorMicroseconds: (used * 1e6) / result.requests,
    p50: result.p50,
    p99: result.p99,
    clientBusy: result.ownSeconds / result.seconds,
  };
}
