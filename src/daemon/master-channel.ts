/**
 * The status channel to master(8). A message is 12 bytes in this machine's byte
 * order: pid, generation, and a state (0 taken, 1 available).
 *
 * With a process limit of 1 the messages steer nothing, but master throttles a
 * service whose process dies without ever having completed a pair. So one pair
 * goes out when the process has come to serve (served-notice.ts), and nothing
 * afterwards.
 * Source: src/master/master_proto.c, master_avail.c, master_spawn.c.
 */
import { Socket } from 'node:net';
import { endianness } from 'node:os';
import { FatalError } from '../errors.ts';
import { watchEnd } from '../socket/node-handles.ts';
import { sendNow } from '../system/calls.ts';
import { systemClock } from '../system/clock.ts';
import { statusDescriptor } from './descriptors.ts';

const messageBytes = 12;
const taken = 0;
const available = 1;

/** The process's generation from the environment: octal, 0 when absent. */
export function generationOf(environment: NodeJS.ProcessEnv): number {
  const text = environment['GENERATION'];
  if (text === undefined) {
    return 0;
  }
  if (!/^[0-7]+$/u.test(text)) {
    throw new FatalError(`bad generation: ${text}`);
  }
  return Number.parseInt(text, 8) >>> 0;
}

/** Tells master, once, that this process has served. */
export function reportServed(generation: number): void {
  try {
    sendNow(statusDescriptor, message(generation, taken));
    sendNow(statusDescriptor, message(generation, available));
  } catch {
    // master is gone or restarting: the end of the channel is seen by watchMaster.
  }
}

/**
 * A process that starts to serve goes on for at least this time. Reloads can
 * follow each other faster than Node starts. Then master has let go of each
 * process before it serves, and without this time no client would be answered
 * until the last reload.
 */
const shortestServiceMs = 250;

/** How long a start may go on after master has let go: nobody is served meanwhile, and no other process starts. */
const longestStartMs = 5000;

export interface MasterWatch {
  /**
   * To be called when service begins. Calls `lost`, once, when master has closed
   * its end: at a reload, or because it is gone.
   */
  serve(lost: () => void): void;
}

type State =
  | { name: 'starting' }
  /** Master has closed its end, and the start goes on for a limited time. */
  | { name: 'let go'; limit: NodeJS.Timeout }
  | { name: 'serving'; lost: () => void; leastUntilMs: number }
  /** `lost` is called, or is going to be. */
  | { name: 'ending' };

/**
 * Watches from now on. Calls `late` when master has let go of a start that takes too long.
 * @param byHandle whether Node's handles may be used, as tlsmgr_transport says.
 */
export function watchMaster(late: () => void, byHandle: boolean): MasterWatch {
  let state: State = { name: 'starting' };
  const end = (lost: () => void, leastUntilMs: number): void => {
    state = { name: 'ending' };
    const leftMs = leastUntilMs - systemClock.monotonicMs();
    if (leftMs > 0) {
      setTimeout(lost, leftMs);
    } else {
      lost();
    }
  };
  const letGo = (): void => {
    if (state.name === 'starting') {
      state = { name: 'let go', limit: setTimeout(late, longestStartMs) };
    } else if (state.name === 'serving') {
      end(state.lost, state.leastUntilMs);
    }
  };
  if (!byHandle || !watchEnd(statusDescriptor, letGo)) {
    const channel = new Socket({ fd: statusDescriptor, readable: true, writable: false });
    channel.once('close', letGo);
    channel.on('error', () => channel.destroy());
    channel.on('end', () => channel.destroy());
    channel.resume();
  }
  return {
    serve(lost) {
      const leastUntilMs = systemClock.monotonicMs() + shortestServiceMs;
      if (state.name === 'let go') {
        clearTimeout(state.limit);
        end(lost, leastUntilMs);
      } else {
        state = { name: 'serving', lost, leastUntilMs };
      }
    },
  };
}

function message(generation: number, state: number): Buffer {
  const bytes = Buffer.alloc(messageBytes);
  if (endianness() === 'LE') {
    bytes.writeInt32LE(process.pid, 0);
    bytes.writeUInt32LE(generation, 4);
    bytes.writeInt32LE(state, 8);
  } else {
    bytes.writeInt32BE(process.pid, 0);
    bytes.writeUInt32BE(generation, 4);
    bytes.writeInt32BE(state, 8);
  }
  return bytes;
}
