/**
 * Threads that Node and V8 have started beside the main one: they collect garbage
 * and compile. While V8 marks what is still in use, its thread takes turns with the
 * main one on a processor, and requests wait. So these threads get a lower priority.
 * The main one waits for them only until they have finished a piece.
 */
import { readdirSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

/** Of a processor's time such a thread gets a tenth while the main one wants it. */
const lower = 10;

/**
 * Call it before libuv has threads of its own, which write files: theirs isn't
 * lowered, nor is that of any thread that is started by the main one afterwards.
 */
export function lowerHelperThreads(): void {
  const priority = Math.min(getPriority() + lower, constants.priority.PRIORITY_LOW);
  for (const thread of helperThreads()) {
    try {
      setPriority(thread, priority);
    } catch {
      // It has ended, or a filter of system calls forbids this: it stays as it is.
    }
  }
}

function helperThreads(): number[] {
  try {
    // Linux gives each thread a priority of its own, and takes its number for that of a process.
    const threads = readdirSync('/proc/self/task').map(Number);
    return threads.filter((thread) => thread !== process.pid);
  } catch {
    // Without /proc they aren't known.
    return [];
  }
}
