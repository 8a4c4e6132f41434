/**
 * Reads a plot out: the value under the pointer, or, with the plot focused,
 * that of the point which the arrow keys, Home and End have chosen. Escape, or
 * leaving the plot, ends it.
 */

/**
 * @typedef {object} Reading
 * @property {number} x of the point, 0 at the left to 1 at the right
 * @property {number} y 0 at the top to 1 at the bottom
 * @property {string} text its time and value
 */

/**
 * @param {HTMLElement} chart what the pointer moves over, and what has the focus
 * @param {(text: string | undefined) => void} tell undefined: nothing is read out
 * @returns {(readings: Reading[]) => void} takes those of each new drawing, oldest first
 */
export function makeReadOut(chart, tell) {
  const mark = document.createElement('i');
  mark.className = 'mark';
  mark.hidden = true;
  chart.append(mark);
  chart.tabIndex = 0;
  chart.setAttribute('role', 'slider');
  chart.setAttribute('aria-valuemin', '0');
  /** @type {Reading[]} */
  let readings = [];
  /** @type {number | undefined} where along the plot, 0 to 1 */
  let chosen;

  const show = () => {
    const index = chosen === undefined ? -1 : nearest(readings, chosen);
    const reading = readings[index];
    mark.hidden = reading === undefined;
    if (reading !== undefined) {
      mark.style.left = `${reading.x * 100}%`;
      mark.style.top = `${reading.y * 100}%`;
    }
    tell(reading?.text);
    chart.setAttribute('aria-valuemax', String(Math.max(0, readings.length - 1)));
    chart.setAttribute('aria-valuenow', String(index === -1 ? readings.length - 1 : index));
    chart.setAttribute('aria-valuetext', (reading ?? readings.at(-1))?.text ?? 'nothing yet');
  };
  /** @param {number | undefined} place */
  const choose = (place) => {
    chosen = place;
    show();
  };

  chart.addEventListener('pointermove', (event) => {
    const box = chart.getBoundingClientRect();
    choose((event.clientX - box.left) / box.width);
  });
  chart.addEventListener('pointerleave', () => choose(undefined));
  chart.addEventListener('blur', () => choose(undefined));
  chart.addEventListener('keydown', (event) => {
    const last = readings.length - 1;
    const at = chosen === undefined ? last + 1 : nearest(readings, chosen);
    /** @type {Record<string, number | undefined>} */
    const targets = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
    const target = targets[event.key];
    if (target !== undefined && last >= 0) {
      event.preventDefault();
      choose(readings[Math.min(last, Math.max(0, target))]?.x);
    } else if (event.key === 'Escape') {
      choose(undefined);
    }
  });

  return (fresh) => {
    readings = fresh;
    show();
  };
}

/** @param {Reading[]} readings @param {number} place @returns {number} its index; -1 of none */
function nearest(readings, place) {
  let best = -1;
  for (const [index, { x }] of readings.entries()) {
    const known = readings[best];
    if (known === undefined || Math.abs(x - place) < Math.abs(known.x - place)) {
      best = index;
    }
  }
  return best;
}
