/**
 * The page: asks for status.json every few seconds and puts its figures in.
 * The daemon keeps the history of an hour, so the plots are there at once. A
 * daemon that doesn't answer is said so; the page goes on asking.
 */
import { showFleet } from './fleet.js';
import { element, makePlot } from './plot.js';
import { fault, fillFacts, fillTable, find, say, sayFigure } from './put-in.js';
import { bytes, clockTime, count, duration, fullTime, percent, wait } from './words.js';

/** @typedef {import('../../report/report.ts').Report} Report */

const everyMs = 2500;
const patienceMs = 4000;

const plots = {
  requests: makePlot(find('requests'), { title: 'Requests a second', format: count }),
  hitRatio: makePlot(find('hit-ratio'), { title: 'Hit ratio', format: percent, ceiling: 1 }),
  latency: makePlot(find('latency'), { title: 'Service time, 99th percentile', format: wait }),
  connections: makePlot(find('connections'), { title: 'New connections a second', format: count }),
};

/** By the id of their buttons. */
const spans = {
  'five-minutes': {
    seconds: 300,
    everySeconds: 5,
    begin: '5 min ago',
    words: 'the last five minutes',
  },
  'one-hour': { seconds: 3600, everySeconds: 60, begin: '1 h ago', words: 'the last hour' },
};
/** @type {keyof typeof spans} */
let shownSpan = 'five-minutes';
/** @type {Report | undefined} */
let lastReport;

let lastAnswer = '';
/** Of host and instance, once they are known. */
let whose = '';

/** What is read out is changed only when it says something else. @param {Report['problems']} problems */
function showProblems(problems) {
  const list = find('problems');
  const told = problems.map(({ severity, text }) => `${severity}: ${text}`).join('');
  if (list.textContent === told) {
    return;
  }
  list.replaceChildren(
    ...problems.map(({ severity, text }) => {
      const item = document.createElement('li');
      const word = document.createElement('b');
      word.textContent = `${severity}: `;
      item.append(word, text);
      return item;
    }),
  );
}

/** Of several hosts and instances: whose page it is. @param {Report} report */
function showName({
  hostname,
  instance,
  configDirectory,
  mode,
  version,
  serviceName,
  uptimeSeconds,
}) {
  const isDaemon = mode === 'daemon';
  say(find('host'), hostname);
  say(find('instance'), isDaemon ? instance : 'standalone');
  const how = isDaemon ? `, service ${serviceName}, ${configDirectory}` : '';
  say(find('who'), `tlsmgr ${version}${how}, up for ${duration(uptimeSeconds)}`);
  return `${hostname} ${isDaemon ? instance : 'standalone'}`;
}

/** @param {Report} report */
function showState(report) {
  const { problems, rates } = report;
  const [worst] = problems;
  find('state').className = worst?.severity ?? 'good';
  say(
    find('headline'),
    worst === undefined
      ? 'All is well.'
      : `${problems.length === 1 ? 'Something is' : `${problems.length} things are`} wrong.`,
  );
  showProblems(problems);
  whose = showName(report);
  document.title = `${worst === undefined ? '' : '(!) '}${whose}: tlsmgr, ${count(rates.requestsPerSecond)}/s`;
}

/** @param {Report} report */
function showPlots({ rates, history }) {
  sayFigure('requests', count(rates.requestsPerSecond));
  sayFigure('hit-ratio', percent(rates.hitRatio));
  sayFigure('latency', wait(rates.p99Seconds));
  sayFigure('connections', count(rates.connectionsPerSecond));
  const { points, hour } = history;
  const span = spans[shownSpan];
  /** @param {'requestsPerSecond' | 'connectionsPerSecond' | 'hitRatio' | 'p99Seconds'} name */
  const series = (name) =>
    shownSpan === 'five-minutes'
      ? points.map((point) => ({ ageSeconds: point.ageSeconds, value: point[name] }))
      : hour[name].map((value, index, { length }) => ({
          ageSeconds: hour.ageSeconds + (length - 1 - index) * hour.everySeconds,
          value,
        }));
  plots.requests(series('requestsPerSecond'), span);
  plots.hitRatio(series('hitRatio'), span);
  plots.latency(series('p99Seconds'), span);
  plots.connections(series('connectionsPerSecond'), span);
}

for (const id of /** @type {(keyof typeof spans)[]} */ (Object.keys(spans))) {
  find(id).addEventListener('click', () => {
    shownSpan = id;
    for (const other of Object.keys(spans)) {
      find(other).setAttribute('aria-pressed', String(other === id));
    }
    if (lastReport !== undefined) {
      showPlots(lastReport);
    }
  });
}

/** How full, of the limit that is nearer. @param {Report['caches']['smtp']} cache */
function fullness({ bytes: held = 0, sizeLimitBytes = 0, entries = 0, entryLimit = 0 }) {
  const shares = [
    sizeLimitBytes > 0 ? held / sizeLimitBytes : 0,
    entryLimit > 0 ? entries / entryLimit : 0,
  ];
  return Math.min(1, Math.max(...shares));
}

/** Off because main.cf says so, or broken: that is an error. @param {Report['caches']['smtp']} cache */
function whyOff({ database, lifetimeSeconds }) {
  if (database === '') {
    return 'off';
  }
  return lifetimeSeconds > 0 ? fault(`can't be used: ${database}`) : 'off: its lifetime is 0';
}

/** @param {Report['caches']['smtp']} cache */
function hitRatio({ hits = 0, misses = 0 }) {
  return percent(hits + misses === 0 ? null : hits / (hits + misses));
}

/** @param {string} label @param {Report['caches']['smtp']} cache */
function fullnessCell(label, cache) {
  const cell = document.createDocumentFragment();
  if (!cache.enabled) {
    cell.append(whyOff(cache));
    return cell;
  }
  const share = fullness(cache);
  const bar = element('svg', {
    class: 'bar',
    viewBox: '0 0 100 8',
    preserveAspectRatio: 'none',
    role: 'img',
    'aria-label': `${label} cache: ${percent(share)} full`,
  });
  bar.append(
    element('rect', { width: '100', height: '8', rx: '2' }),
    element('rect', {
      width: String(share === 0 ? 0 : Math.max(0.75, share * 100)),
      height: '8',
      rx: '2',
    }),
  );
  cell.append(bar, `${percent(share)}, ${bytes(cache.bytes)} of ${bytes(cache.sizeLimitBytes)}`);
  if (cache.fileHealthy === false) {
    cell.append(document.createElement('br'), fault('in memory only'));
  }
  return cell;
}

/** @param {Report} report */
function showCaches({ caches }) {
  fillTable(
    'caches',
    Object.entries(caches).map(([label, cache]) => [
      label,
      fullnessCell(label, cache),
      count(cache.entries),
      hitRatio(cache),
      count(cache.hits),
      count(cache.misses),
      count(cache.expired),
      count(cache.evicted),
    ]),
    ['', 'wide', '', '', 'roomy', 'roomy', 'roomy', 'roomy'],
  );
}

/** @param {Report} report */
function showKeys({ tickets }) {
  const rows = tickets.keys.map(({ fingerprint, ageSeconds, sealsForSeconds, opensForSeconds }) => {
    const code = document.createElement('code');
    code.textContent = fingerprint;
    return [
      code,
      duration(ageSeconds),
      sealsForSeconds > 0 ? duration(sealsForSeconds) : 'retired',
      duration(opensForSeconds),
    ];
  });
  const none = tickets.enabled ? 'none asked for yet' : 'tickets are off';
  if (rows.length === 0) {
    fillTable('keys', [[none]], ['', 'roomy', '', '']);
    find('keys').querySelector('tbody th')?.setAttribute('colspan', '4');
    return;
  }
  fillTable('keys', rows, ['', 'roomy', '', '']);
}

/** @param {Report} report */
function showFacts({ prng, connections, log, process, pid, node, startedAt }) {
  fillFacts('pool', [
    ['Source', prng.source === '' ? 'none' : prng.source],
    [
      'State',
      prng.sourceHealthy ? 'answers' : fault(`fails (${count(prng.sourceFailures)} times)`),
    ],
    [
      'Last reseed',
      prng.lastReseedAgeSeconds === undefined
        ? 'none yet'
        : `${duration(prng.lastReseedAgeSeconds)} ago`,
    ],
    ['Bytes given out', bytes(prng.bytesServed)],
    ['Exchange file', prng.exchangeHealthy ? 'written' : fault("can't be written")],
  ]);
  const hits =
    connections.sizeLimitHits + connections.timeLimitHits + connections.connectionLimitHits;
  fillFacts('clients', [
    ['Open', `${count(connections.open)} of ${count(connections.limit)}`],
    ['Accepted', count(connections.accepted)],
    ['Closed for a limit', count(hits)],
    [
      'Of size, time, number',
      [connections.sizeLimitHits, connections.timeLimitHits, connections.connectionLimitHits]
        .map(count)
        .join(', '),
    ],
    ['Wake-ups by master', count(connections.wakeups)],
    ['Transport', connections.transport ?? 'none'],
  ]);
  fillFacts('process', [
    ['Up since', fullTime(new Date(startedAt))],
    ['Process', `${pid}, Node ${node.replace(/^v/u, '')}`],
    ['Memory', bytes(process.residentBytes)],
    ['Processor time', duration(process.processorSeconds)],
  ]);
  const { warnings, errors } = log.lastHour;
  say(
    find('log-counts'),
    `${count(warnings)} ${warnings === 1 ? 'warning' : 'warnings'}, ${count(errors)} ${errors === 1 ? 'error' : 'errors'}`,
  );
  say(
    find('log-last'),
    log.last === null
      ? 'Nothing since the start.'
      : `Last, ${duration(log.last.ageSeconds)} ago: ${log.last.text}`,
  );
}

/** @param {Report} report */
function showNames({ requests, rates }) {
  fillTable(
    'names',
    Object.entries(requests.byName).map(([name, { ok, error, fail }]) => [
      name,
      count(rates.byName[name]),
      count(ok),
      count(error),
      fail > 0 ? fault(count(fail)) : count(fail),
    ]),
  );
}

/** @param {Report} report */
function show(report) {
  lastReport = report;
  showState(report);
  showPlots(report);
  showCaches(report);
  showKeys(report);
  showFleet(report.fleet);
  showFacts(report);
  showNames(report);
  document.body.classList.remove('gone-body');
  document.body.dataset['shown'] = 'yes';
  lastAnswer = clockTime(new Date());
}

function showGone() {
  find('state').className = 'gone';
  const since = lastAnswer === '' ? '' : ` The figures below are of ${lastAnswer}.`;
  say(find('headline'), `tlsmgr does not answer.${since}`);
  find('problems').replaceChildren();
  document.body.classList.add('gone-body');
  document.title = `(!) ${whose === '' ? '' : `${whose}: `}tlsmgr does not answer`;
}

/** @returns {Promise<Report | undefined>} undefined when there was no answer */
async function ask() {
  try {
    const response = await fetch('status.json', { signal: AbortSignal.timeout(patienceMs) });
    return response.ok ? await response.json() : undefined;
  } catch {
    // Told on the page, and asked again.
    return undefined;
  }
}

async function refresh() {
  const report = await ask();
  if (report === undefined) {
    showGone();
  } else {
    show(report);
  }
}

async function watch() {
  for (;;) {
    if (!document.hidden) {
      await refresh();
    }
    await new Promise((resolve) => {
      setTimeout(resolve, everyMs);
    });
  }
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) {
    void refresh();
  }
});
void watch();
