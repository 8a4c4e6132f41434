/**
 * Numbers as people read them. Everything that is not known is a dash.
 */

const unknown = '–';

/** @param {number | null | undefined} value @returns {string} 1,234, and 0.25 below ten */
export function count(value) {
  if (value === null || value === undefined) {
    return unknown;
  }
  const digits = value < 10 ? 2 : 0;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

/** @param {number | null | undefined} ratio @returns {string} 98.2 % */
export function percent(ratio) {
  if (ratio === null || ratio === undefined) {
    return unknown;
  }
  const hundreds = ratio * 100;
  return `${hundreds.toFixed(Number.isInteger(hundreds) ? 0 : 1)} %`;
}

/** @param {number | null | undefined} value @returns {string} 1.5 MiB, as tlsmgr status tells it */
export function bytes(value) {
  if (value === null || value === undefined) {
    return unknown;
  }
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let rest = value;
  let unit = 0;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? rest : rest.toFixed(1)} ${units[unit]}`;
}

/** @param {number | null | undefined} seconds of a wait @returns {string} 0.2 ms */
export function wait(seconds) {
  if (seconds === null || seconds === undefined) {
    return unknown;
  }
  return seconds < 0.001
    ? `${Math.round(seconds * 1e6)} µs`
    : `${Number((seconds * 1e3).toPrecision(2))} ms`;
}

/** @param {number | null | undefined} seconds @returns {string} 3 h 5 min: the two largest units */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) {
    return unknown;
  }
  const whole = Math.max(0, Math.floor(seconds));
  /** @type {[string, number][]} */
  const units = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => whole >= size);
  if (first === -1) {
    return '0 s';
  }
  let rest = whole;
  const parts = [];
  for (const [name, size] of units.slice(first, first + 2)) {
    const number = Math.floor(rest / size);
    rest -= number * size;
    if (number > 0) {
      parts.push(`${number} ${name}`);
    }
  }
  return parts.join(' ');
}
