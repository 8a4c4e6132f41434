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

/** @param {number | null | undefined} seconds of a wait @returns {string} 500 us, 2 ms: as tlsmgr status tells it */
export function wait(seconds) {
  if (seconds === null || seconds === undefined) {
    return unknown;
  }
  return seconds < 0.001
    ? `${Math.round(seconds * 1e6)} us`
    : `${Number((seconds * 1e3).toPrecision(2))} ms`;
}

/** @param {number | null | undefined} seconds @returns {string} 29m 55s, 3h 0m: as tlsmgr status tells it */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) {
    return unknown;
  }
  const whole = Math.max(0, Math.floor(seconds));
  /** @type {[string, number, string, number][]} */
  const units = [
    ['d', 86_400, 'h', 3600],
    ['h', 3600, 'm', 60],
    ['m', 60, 's', 1],
  ];
  for (const [unit, size, nextUnit, nextSize] of units) {
    if (whole >= size) {
      return `${Math.floor(whole / size)}${unit} ${Math.floor((whole % size) / nextSize)}${nextUnit}`;
    }
  }
  return `${whole}s`;
}

/** @param {Date} date @returns {string} 2026-11-26 21:35:21, in local time: as tlsmgr status tells it */
export function fullTime(date) {
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  return `${day.map(two).join('-')} ${clockTime(date)}`;
}

/** @param {Date} date @returns {string} 21:35:21, in local time */
export function clockTime(date) {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

/** @param {number} number */
function two(number) {
  return String(number).padStart(2, '0');
}
