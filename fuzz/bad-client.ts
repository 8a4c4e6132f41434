/**
 * A client of a daemon's socket that sends any bytes in any pieces, reads late or
 * not at all, and leaves when it likes. All that it does comes from its numbers,
 * so that a run can be repeated as far as a kernel lets it be.
 */
import { connect, type Socket } from 'node:net';
import type { Random } from './random.ts';

export interface Visit {
  /** All that has come back. */
  received: Buffer;
  /** It stayed until the daemon closed, having sent everything. */
  stayed: boolean;
}

const mostRepeats = 300;

/** Pieces of the input; now and then many times the input, to see what that does to memory. */
export function piecesOf(input: Buffer, random: Random): Buffer[] {
  const whole =
    random.below(50) === 0
      ? Buffer.concat(Array<Buffer>(1 + random.below(mostRepeats)).fill(input))
      : input;
  const longest = random.pick([1, 16, 300, 5000, 100_000]);
  const pieces: Buffer[] = [];
  for (let at = 0; at < whole.length;) {
    // A million pieces of a byte would show nothing that a thousand don't.
    const end = pieces.length > 500 ? whole.length : at + 1 + random.below(longest);
    pieces.push(whole.subarray(at, end));
    at = end;
  }
  return pieces;
}

function written(socket: Socket, piece: Buffer): Promise<void> {
  return new Promise((resolve) => {
    socket.write(piece, () => resolve());
  });
}

/** Settles once the connection is closed, on whichever side. Never rejects. */
export async function visit(
  path: string,
  pieces: readonly Buffer[],
  random: Random,
): Promise<Visit> {
  const socket = connect(path);
  const received: Buffer[] = [];
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  const leavesAt = random.below(8) === 0 ? random.below(pieces.length + 1) : pieces.length + 1;
  const readsLate = random.below(4) === 0;
  const waitsForWrites = random.below(2) === 0;
  if (readsLate) {
    socket.pause();
  }
  for (const [index, piece] of pieces.entries()) {
    if (socket.destroyed || index === leavesAt) {
      break;
    }
    // A late reader mustn't wait for what it keeps from going on.
    if (waitsForWrites && !readsLate) {
      await Promise.race([written(socket, piece), closed]);
    } else {
      socket.write(piece);
    }
  }
  const leaves = leavesAt <= pieces.length;
  if (leaves) {
    socket.destroy();
  } else {
    socket.end();
    socket.resume();
  }
  await closed;
  return { received: Buffer.concat(received), stayed: !leaves };
}
