/** One run of the load generator, load.c. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { program } from './programs.ts';

export interface LoadRun {
  socketPath: string;
  /** The processor that it runs on. */
  processor: number;
  operation: string;
  connections: number;
  requests: number;
  /** Different session ids. */
  ids: number;
}

export interface LoadResult {
  requests: number;
  seconds: number;
  /** Latencies, microseconds. */
  p50: number;
  p99: number;
  max: number;
  /** Requests answered with -1 or -2. */
  fail: number;
  /** Processor time of the load generator itself. */
  ownSeconds: number;
}

/** Of a session. */
const sessionBytes = 1500;

const run = promisify(execFile);

export async function runLoad(load: LoadRun): Promise<LoadResult> {
  const { socketPath, processor, operation, connections, requests, ids } = load;
  const numbers = [connections, requests, ids, sessionBytes].map(String);
  const { stdout } = await run('taskset', [
    '-c',
    String(processor),
    program('load'),
    socketPath,
    operation,
    ...numbers,
  ]);
  return JSON.parse(stdout) as LoadResult;
}
