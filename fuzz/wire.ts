/**
 * The bytes between clients and tlsmgr, read in the plainest way: what the
 * targets hold the daemon's own decoder against. Source: src/util/attr_scan0.c.
 */

export interface Lists {
  /** Complete lists: names and values, as they come. */
  all: string[][];
  /** Bytes of the unfinished list behind them. */
  leftBytes: number;
  /** The stream can't be followed beyond: a list longer than the limit. */
  tooLong: boolean;
  /** master(8)'s wake-up: whatever follows is nobody's. */
  wokenUp: boolean;
  /** What is left is one letter and a NUL, which is refused without waiting for more. */
  endsInBareString: boolean;
}

/**
 * Splits at NULs. Nothing behind a list that is too long is looked at, nor behind
 * a wake-up, unless those are lists as any other.
 */
export function splitLists(input: Buffer, maxListBytes: number, knowsWakeups = true): Lists {
  const result: Lists = {
    all: [],
    leftBytes: 0,
    tooLong: false,
    wokenUp: false,
    endsInBareString: false,
  };
  let strings: string[] = [];
  let listStart = 0;
  let start = 0;
  for (let nul = input.indexOf(0); nul >= 0; nul = input.indexOf(0, start)) {
    const text = input.toString('latin1', start, nul);
    start = nul + 1;
    if (text !== '' || strings.length % 2 === 1) {
      strings.push(text);
      continue;
    }
    if (start - listStart > maxListBytes) {
      return { ...result, tooLong: true };
    }
    if (knowsWakeups && strings[0] === 'W') {
      return { ...result, wokenUp: true };
    }
    result.all.push(strings);
    strings = [];
    listStart = start;
  }
  const leftBytes = input.length - listStart;
  return {
    ...result,
    leftBytes,
    tooLong: leftBytes > maxListBytes,
    endsInBareString: isBareString(input.subarray(listStart)),
  };
}

function isBareString(left: Buffer): boolean {
  return left.length === 2 && left[0] !== 0 && left[0] !== 0x57 && left[1] === 0;
}

/**
 * Whether a list, finished or not, begins with a name of one letter: then it
 * matters where the bytes are cut, as a bare letter is refused at once.
 */
export function hasOneLetterName(input: Buffer): boolean {
  const { all, leftBytes } = splitLists(input, Number.POSITIVE_INFINITY);
  const left = input.subarray(input.length - leftBytes);
  return left.indexOf(0) === 1 || all.some(([name]) => name?.length === 1);
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u;

export function isBase64(text: string): boolean {
  return base64.test(text);
}

const largest64 = 2n ** 64n - 1n;

/** The signed 32-bit number that a value stands for; undefined for what is none. */
export function numberIn(text: string): number | undefined {
  const found = /^[\t-\r ]*([+-]?)([0-9]+)$/u.exec(text);
  if (found === null) {
    return undefined;
  }
  const size = BigInt(found[2]!);
  const value = found[1] === '-' ? -size : size;
  return size > largest64 ? undefined : Number(BigInt.asIntN(32, value));
}
