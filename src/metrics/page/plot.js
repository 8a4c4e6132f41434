/**
 * One plot of the last minutes: a line over a soft area, in SVG. The
 * newest point is at the right end; where there is no value the line breaks. A
 * pointer or the arrow keys read out its points.
 */
import { makeReadOut } from './read-out.js';
import { clockTime } from './words.js';

const svgNamespace = 'http://www.w3.org/2000/svg';
const width = 300;
const height = 100;

/**
 * @typedef {object} PlotOptions
 * @property {string} title for those who hear it
 * @property {(value: number) => string} format
 * @property {number} [ceiling] the top, when it is always the same
 */

/** @typedef {{ ageSeconds: number, value: number | null }} Point oldest first */

/**
 * @typedef {object} Span of time that is shown
 * @property {number} seconds
 * @property {number} everySeconds between two points
 * @property {string} begin what stands at the left end
 * @property {string} words as in: in the last five minutes
 */

/**
 * @param {Element} card where it goes
 * @param {PlotOptions} options
 * @returns {(points: Point[], span: Span) => void} draws
 */
export function makePlot(card, { title, format, ceiling }) {
  const svg = element('svg', {
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  });
  for (const y of [1, height / 2, height - 1]) {
    svg.append(element('path', { class: 'grid', d: `M0 ${y}H${width}` }));
  }
  const area = element('path', { class: 'area' });
  const line = element('path', { class: 'line' });
  svg.append(area, line);
  const scale = document.createElement('p');
  scale.className = 'scale';
  const [from, top, to] = ['', '', 'now'].map((text) => {
    const part = document.createElement('span');
    part.textContent = text;
    return part;
  });
  scale.append(/** @type {Node} */ (from), /** @type {Node} */ (top), /** @type {Node} */ (to));
  const chart = document.createElement('div');
  chart.className = 'chart';
  chart.append(svg);
  card.append(chart, scale);
  let scaleText = '';
  const readOut = makeReadOut(chart, (text) => {
    const label = /** @type {HTMLElement} */ (top);
    label.textContent = text ?? scaleText;
    label.classList.toggle('read', text !== undefined);
  });

  return (points, span) => {
    /** @type {HTMLElement} */ (from).textContent = span.begin;
    const values = points.flatMap(({ value }) => (value === null ? [] : [value]));
    const highest = Math.max(0, ...values);
    const most = ceiling ?? roundUp(highest * 1.05);
    const runs = runsOf(points, span);
    line.setAttribute('d', runs.map((run) => path(run, most, span)).join(''));
    area.setAttribute('d', runs.map((run) => areaBelow(run, most, span)).join(''));
    scaleText = values.length === 0 ? 'nothing yet' : `scale to ${format(most)}`;
    readOut(
      points.flatMap(({ ageSeconds, value }) =>
        value === null || ageSeconds > span.seconds
          ? []
          : [
              {
                x: across(ageSeconds, span),
                y: down(value, most) / height,
                text: `${timeAgo(ageSeconds)}: ${format(value)}`,
              },
            ],
      ),
    );
    const last = values.at(-1);
    chart.setAttribute(
      'aria-label',
      last === undefined
        ? `${title}: nothing in ${span.words}`
        : `${title} in ${span.words}: highest ${format(highest)}, last ${format(last)}`,
    );
  };
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 */
export function element(name, attributes) {
  const made = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  return made;
}

/**
 * Stretches without a gap. A single point becomes a short line, to be seen.
 * @param {Point[]} points
 * @param {Span} span
 * @returns {{ ageSeconds: number, value: number }[][]}
 */
function runsOf(points, { everySeconds }) {
  /** @type {{ ageSeconds: number, value: number }[][]} */
  const runs = [];
  let open = false;
  for (const { ageSeconds, value } of points) {
    if (value === null) {
      open = false;
      continue;
    }
    if (!open) {
      runs.push([]);
      open = true;
    }
    /** @type {object[]} */ (runs.at(-1)).push({ ageSeconds, value });
  }
  return runs.map((run) =>
    run.length === 1 && run[0] !== undefined
      ? [{ ...run[0], ageSeconds: run[0].ageSeconds + everySeconds }, run[0]]
      : run,
  );
}

/** @param {{ ageSeconds: number, value: number }[]} run @param {number} most @param {Span} span */
function path(run, most, span) {
  const steps = run.map(({ ageSeconds, value }) => {
    const x = width * across(ageSeconds, span);
    const y = down(value, most);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return `M${steps.join('L')}`;
}

/** @param {{ ageSeconds: number, value: number }[]} run @param {number} most @param {Span} span */
function areaBelow(run, most, span) {
  const [left, right] = [run[0], run.at(-1)].map((point) =>
    (width * across(point?.ageSeconds ?? 0, span)).toFixed(1),
  );
  return `${path(run, most, span)}L${right} ${height}L${left} ${height}Z`;
}

/** 0 at the left end to 1 at the right. @param {number} ageSeconds @param {Span} span */
function across(ageSeconds, { seconds }) {
  return Math.max(0, 1 - ageSeconds / seconds);
}

/** From the top. @param {number} value @param {number} most */
function down(value, most) {
  return height - 2 - (height - 4) * Math.min(1, most === 0 ? 0 : value / most);
}

/** The time of day. @param {number} ageSeconds */
function timeAgo(ageSeconds) {
  return clockTime(new Date(Date.now() - ageSeconds * 1000));
}

/** The next round number. @param {number} value */
function roundUp(value) {
  if (value <= 0) {
    return 1;
  }
  const unit = 10 ** Math.floor(Math.log10(value));
  return /** @type {number} */ (
    [1, 1.5, 2, 3, 5, 7.5, 10, 15].map((step) => step * unit).find((step) => step >= value)
  );
}
