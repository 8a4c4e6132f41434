/** Figures as people read them. */

const units: readonly [string, number][] = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
];

/** Seconds as `5s`, `12m 5s`, `3h 2m`, `9d 4h`: the two largest units that count. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  for (const [index, [unit, size]] of units.entries()) {
    if (whole >= size) {
      const [nextUnit, nextSize] = units[index + 1] ?? ['s', 1];
      return `${Math.floor(whole / size)}${unit} ${Math.floor((whole % size) / nextSize)}${nextUnit}`;
    }
  }
  return `${whole}s`;
}

/** Bytes as `512 B`, `1.5 kB`, `256.0 MiB`-like figures in powers of 1024. */
export function byteCount(bytes: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = bytes;
  let index = 0;
  while (size >= 1024 && index < names.length - 1) {
    size /= 1024;
    index += 1;
  }
  return `${index === 0 ? size : size.toFixed(1)} ${names[index]}`;
}

/** `1 key`, `2 keys`. */
export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** A share in whole percent; `-` of nothing. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${Math.round((part / whole) * 100)}%`;
}
