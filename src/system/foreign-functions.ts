/**
 * Loads koffi, which calls functions of the C library. koffi has native code and is
 * an optional dependency, as only the daemon and its verbs need it. The client
 * library works without it, on every system.
 */
import { createRequire } from 'node:module';

type Koffi = typeof import('koffi').default;

/** Throws an Error that says what is missing, and what to do. */
export function loadKoffi(): Koffi {
  if (process.platform !== 'linux') {
    throw new Error(`the daemon and its verbs need Linux, and this is ${process.platform}`);
  }
  try {
    const load = createRequire(import.meta.filename);
    return loadNative(load) ?? (load('koffi') as { default: Koffi }).default;
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    const isMissing = code === 'MODULE_NOT_FOUND' && message.includes("'koffi'");
    const reason = isMissing ? 'is missing' : `can't be loaded: ${message.split('\n')[0]}`;
    throw new Error(
      `koffi, which the daemon needs, ${reason}; install tlsmgr again, with its optional dependencies`,
      { cause: thrown },
    );
  }
}

/**
 * The native part of koffi alone, all that is used here. Its JavaScript reads the headers of
 * node's own file to find this one, which takes a start 4 ms. Undefined where it isn't the
 * right one: koffi finds out then, or tells what is wrong.
 */
function loadNative(load: NodeJS.Require): Koffi | undefined {
  const system = `linux-${process.arch}`;
  try {
    return load(`@koromix/koffi-${system}/${system.replace('-', '_')}/koffi.node`) as Koffi;
  } catch {
    return undefined;
  }
}
