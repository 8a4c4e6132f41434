/**
 * Loads koffi, which calls functions of the C library. koffi has native code and is
 * an optional dependency, as only the daemon and its verbs need it. The client
 * library works without it, on every system.
 */
type Koffi = typeof import('koffi').default;

/** Throws an Error that says what is missing, and what to do. */
export async function loadKoffi(): Promise<Koffi> {
  if (process.platform !== 'linux') {
    throw new Error(`the daemon and its verbs need Linux, and this is ${process.platform}`);
  }
  try {
    return (await import('koffi')).default;
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    const isMissing = code === 'ERR_MODULE_NOT_FOUND' && message.includes("'koffi'");
    const reason = isMissing ? 'is missing' : `can't be loaded: ${message}`;
    throw new Error(
      `koffi, which the daemon needs, ${reason}; install tlsmgr again, with its optional dependencies`,
      { cause: thrown },
    );
  }
}
