import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { patientClient } from '../patient-client.ts';
import { sampleFleet } from '../cli/sample-fleet.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';
import { freePort } from '../postfix/instance.ts';
import { Chromium, noChromium, type Tab, type View } from './chromium.ts';

const desktop: View = { width: 1100, height: 900, scheme: 'light' };
const telephone: View = { width: 375, height: 800, scheme: 'dark', mobile: true };

/** A line that has more than its beginning. */
const drawn = "document.querySelector('#requests .line').getAttribute('d').includes('L')";

describe('the page in a real browser', { skip: notBuilt || noChromium }, () => {
  const tlsmgr = new Standalone();
  let origin: string;
  let chromium: Chromium;

  before(async () => {
    const port = await freePort();
    origin = `http://127.0.0.1:${port}/`;
    await tlsmgr.start(
      '-o',
      `tlsmgr_metrics_listen=127.0.0.1:${port}`,
      '-o',
      'myhostname=mx1.example.net',
    );
    const client = patientClient(tlsmgr.socket);
    for (let number = 0; number < 100; number += 1) {
      await client.update('smtp', `mx${number}.example:25`, Buffer.alloc(1000));
      await client.lookup('smtp', `mx${number % 80}.example:25`);
    }
    await client.ticketKey();
    void client.close();
    chromium = await Chromium.start();
  });
  after(async () => {
    await chromium?.close();
    await tlsmgr.stop();
    tlsmgr.remove();
  });

  async function opened(view: View): Promise<Tab> {
    const tab = await chromium.tab(view);
    await tab.open(origin);
    await tab.until("document.body?.dataset.shown === 'yes'");
    return tab;
  }

  function text(tab: Tab, selector: string): Promise<string> {
    return tab.value(`document.querySelector(${JSON.stringify(selector)}).innerText`);
  }

  test('shows how the daemon is, and draws what it did', async () => {
    const tab = await opened(desktop);
    assert.match(await text(tab, '#headline'), /^All is well\.$/u);
    assert.match(await text(tab, 'h1'), /^mx1\.example\.net standalone$/u);
    assert.match(await text(tab, '#who'), /^tlsmgr \d+\.\d+\.\d+, up for (?:\d+m )?\d+s$/u);
    assert.match(await tab.value('document.title'), /^mx1\.example\.net standalone: tlsmgr, /u);
    const smtp = await text(tab, '#caches tbody tr:nth-child(2)');
    assert.match(smtp, /^smtp\s[^]*\b100\s+100 %\s+100\s+0\s/u);
    assert.match(await text(tab, '#keys tbody tr'), /^[\da-f]{16}\s/u);
    assert.match(await text(tab, '#pool'), /dev:\/dev\/urandom\s+State\s+answers/u);
    assert.match(await text(tab, '#log-counts'), /^0 warnings, 0 errors$/u);
    // Times as tlsmgr status shows them.
    const process = await text(tab, '#process');
    assert.match(process, /Up since\s+\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\s/u);
    assert.match(process, /Processor time\s+\d+s$/u);
    assert.match(await text(tab, '#latency b'), /^\d+ us$|^[\d.]+ ms$/u);
    assert.match(await text(tab, '#keys tbody td:last-child'), /^\d+m \d+s$/u);
    // The daemon's first point of history comes after five seconds.
    await tab.until(drawn);
    assert.notEqual(await text(tab, '#requests b'), '0');
    assert.equal(await text(tab, '#hit-ratio b'), '100 %');
    const label = "document.querySelector('#requests .chart').getAttribute('aria-label')";
    assert.match(
      await tab.value(label),
      /^Requests a second in the last five minutes: highest \d/u,
    );
    assert.deepEqual(tab.complaints, []);
  });

  test('shows an hour instead of five minutes', async () => {
    const tab = await opened(desktop);
    await tab.until(drawn);
    const begin = "document.querySelector('#requests .scale span').innerText";
    assert.equal(await tab.value(begin), '5 min ago');
    await tab.value("document.querySelector('#one-hour').click()");
    assert.equal(await tab.value(begin), '1 h ago');
    const pressed = "document.querySelector('[aria-pressed=true]').innerText";
    assert.equal(await tab.value(pressed), 'An hour');
    const heard = "document.querySelector('#requests .chart').getAttribute('aria-label')";
    assert.match(await tab.value(heard), /^Requests a second.* in the last hour/u);
    // An hour of it, as a daemon tells that has run for so long.
    await tab.value(
      `(() => {
        const answer = window.fetch;
        window.fetch = async (...given) => {
          const report = await (await answer(...given)).json();
          const values = Array.from({ length: 60 }, (_, index) => index);
          Object.assign(report.history.hour, { ageSeconds: 7, requestsPerSecond: values });
          return new Response(JSON.stringify(report));
        };
      })()`,
    );
    await tab.until(
      "document.querySelector('#requests .chart').getAttribute('aria-valuemax') === '59'",
    );
    await tab.value("document.querySelector('#requests .chart').focus()");
    await tab.press('End');
    const readOut = "document.querySelector('#requests .read')?.innerText ?? ''";
    assert.match(await tab.value(readOut), /^\d\d:\d\d:\d\d: 59$/u);
    await tab.value("document.querySelector('#five-minutes').click()");
    assert.equal(await tab.value(begin), '5 min ago');
    assert.deepEqual(tab.complaints, []);
  });

  test('reads out the points of a plot, to a pointer and to the keyboard', async () => {
    const tab = await opened(desktop);
    await tab.until(drawn);
    const value = /^\d\d:\d\d:\d\d: [\d.,]+$/u;
    const readOut = "document.querySelector('#requests .read')?.innerText ?? ''";
    const [x, y] = await tab.value<[number, number]>(
      "(() => { const box = document.querySelector('#requests .chart').getBoundingClientRect(); return [box.right - 5, box.top + 20]; })()",
    );
    await tab.point(x, y);
    assert.match(await tab.value(readOut), value);
    await tab.point(1, 1);
    assert.equal(await tab.value(readOut), '');
    await tab.value("document.querySelector('#requests .chart').focus()");
    for (const key of ['ArrowLeft', 'Home', 'End']) {
      await tab.press(key);
      const said = await tab.value<string>(readOut);
      assert.match(said, value);
      const heard = "document.querySelector('#requests .chart').getAttribute('aria-valuetext')";
      assert.equal(await tab.value(heard), said);
    }
    // The frame of the plot in focus covers nothing of what stands below it.
    const gap = await tab.value<number>(
      "document.querySelector('#requests .scale').getBoundingClientRect().top - document.querySelector('#requests .chart').getBoundingClientRect().bottom",
    );
    assert.ok(gap >= 4, `${gap} pixels below the plot`);
    await tab.press('Escape');
    assert.equal(await tab.value(readOut), '');
    assert.deepEqual(tab.complaints, []);
  });

  test('tells a cache that is broken from one that is off, and not found from failed', async () => {
    const other = new Standalone();
    try {
      const port = await freePort();
      const given = [
        `tlsmgr_metrics_listen=127.0.0.1:${port}`,
        'smtp_tls_session_cache_database=btree:/nonexistent/x',
        'lmtp_tls_session_cache_database=',
      ];
      await other.start(...given.flatMap((setting) => ['-o', setting]));
      const client = patientClient(other.socket);
      await client.lookup('smtpd', '00');
      await client.lookup('smtp', 'mx.example:25').catch(() => undefined);
      await client.close();
      const tab = await chromium.tab(desktop);
      await tab.open(`http://127.0.0.1:${port}/`);
      await tab.until("document.body?.dataset.shown === 'yes'");
      const cell = (row: number): string => `#caches tbody tr:nth-child(${row}) .wide`;
      assert.equal(await text(tab, `${cell(2)} .fault`), "can't be used: btree:/nonexistent/x");
      assert.equal(await text(tab, cell(3)), 'off');
      assert.match(await text(tab, cell(1)), /0 B of 256\.0 MiB$/u);
      const keys = await tab.value("document.querySelectorAll('#keys tbody tr').length");
      assert.deepEqual([keys, await text(tab, '#keys tbody')], [1, 'none asked for yet']);
      const cells = await tab.value<string[]>(
        "[...[...document.querySelectorAll('#names tbody tr')].find((row) => row.cells[0].innerText === 'lookup').cells].map((cell) => cell.innerText)",
      );
      assert.deepEqual(cells.slice(2), ['0', '1', '1']);
      const [worst, where] = await tab.value<[number, string]>(leastContrast);
      assert.ok(worst >= 4.5, `${worst.toFixed(2)} at ${where}`);
    } finally {
      await other.stop();
      other.remove();
    }
  });

  test('shows a fleet where there is one, and nothing of it elsewhere', async () => {
    const tab = await opened(desktop);
    const hidden = "document.querySelector('#fleet').hidden";
    assert.equal(await tab.value(hidden), true);
    const fleet = sampleFleet();
    Object.assign(fleet.engine!, { connection: 'away', reason: 'Connection refused' });
    fleet.hosts[0]!.differs = ['OpenSSL 3.0.16, here 3.0.17'];
    fleet.hostCounts.seen = 7;
    fleet.warnings = [{ name: 'engine-settings', text: 'engine A writes its data to disk' }];
    await tab.value(
      `(() => {
        const answer = window.fetch;
        window.fetch = async (...given) => {
          const report = await (await answer(...given)).json();
          return new Response(JSON.stringify({ ...report, fleet: ${JSON.stringify(fleet)} }));
        };
      })()`,
    );
    await tab.until(`!${hidden}`);
    const facts = await text(tab, '#fleet-facts');
    assert.match(facts, /This host\s+mx1\.example\.net, key set tlsmgr\s/u);
    assert.match(facts, /Ticket keys\s+shared: sharing\s/u);
    assert.match(facts, /State\s+away for 1d 1h: Connection refused\s/u);
    assert.match(facts, /Advice\s+engine A writes its data to disk$/u);
    assert.equal((await text(tab, '#fleet-facts .fault')).startsWith('away for'), true);
    assert.match(
      await text(tab, '#fleet-caches tbody tr'),
      /^smtp\s+3,000\s+990\s+10\s+2,400\s+0$/u,
    );
    const hosts = await text(tab, '#fleet-hosts tbody');
    assert.match(
      hosts,
      /mx2\.example\.net\s+differs: OpenSSL 3\.0\.16, here 3\.0\.17\s+1\.2\.3\s+14s ago/u,
    );
    assert.match(hosts, /mx3\.example\.net\s+away\s/u);
    assert.match(hosts, /5 more/u);
    const [worst, where] = await tab.value<[number, string]>(leastContrast);
    assert.ok(worst >= 4.5, `${worst.toFixed(2)} at ${where}`);
    assert.deepEqual(tab.complaints, []);
  });

  test('asks nobody else for anything, and runs no script of a stranger', async () => {
    const tab = await opened(desktop);
    assert.ok(tab.requested.length >= 5, tab.requested.join('\n'));
    assert.deepEqual(
      tab.requested.filter((url) => !url.startsWith(origin)),
      [],
    );
    assert.deepEqual(tab.complaints, []);
    await tab.value(
      "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))",
    );
    assert.equal(await tab.value('window.ran === undefined'), true);
    assert.match(tab.complaints.join('\n'), /Content Security Policy/u);
  });

  test('fits a telephone, and follows its scheme of colours', async () => {
    const colours: string[] = [];
    // Two numbers in it, as long as they get.
    const filled = patientClient(tlsmgr.socket);
    await filled.lookup('smtp', 'unknown.example:25');
    await filled.close();
    for (const scheme of ['light', 'dark'] as const) {
      const tab = await opened({ ...telephone, scheme });
      const [content, window] = await tab.value<number[]>(
        '[document.documentElement.scrollWidth, window.innerWidth]',
      );
      assert.deepEqual([content, window], [375, 375]);
      const inner = await tab.value<string[]>(
        "[...document.querySelectorAll('.scroll')].filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.innerText)",
      );
      assert.deepEqual(inner, [], 'no table has to be scrolled');
      colours.push(await tab.value('getComputedStyle(document.body).backgroundColor'));
      assert.deepEqual(tab.complaints, []);
    }
    assert.notEqual(colours[0], colours[1]);
  });

  test('text stands out from what it stands on', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      const tab = await opened({ ...desktop, scheme });
      const [worst, where] = await tab.value<[number, string]>(leastContrast);
      assert.ok(worst >= 4.5, `${scheme}: ${worst.toFixed(2)} at ${where}`);
    }
  });

  test('says so when the daemon is gone, and when it is back', async () => {
    const other = new Standalone();
    try {
      const port = await freePort();
      const listen = ['-o', `tlsmgr_metrics_listen=127.0.0.1:${port}`];
      await other.start(...listen);
      const tab = await chromium.tab(desktop);
      await tab.open(`http://127.0.0.1:${port}/`);
      await tab.until("document.body?.dataset.shown === 'yes'");
      await other.stop();
      await tab.until("document.querySelector('#state').className === 'gone'");
      assert.match(
        await text(tab, '#headline'),
        /^tlsmgr does not answer\. The figures below are of /u,
      );
      await other.start(...listen, '-o', 'smtp_tls_session_cache_database=btree:/nonexistent/x');
      await tab.until("document.querySelector('#state').className === 'error'");
      assert.match(await text(tab, '#headline'), /^Something is wrong\.$/u);
      assert.match(await text(tab, '#problems'), /^error: smtp cache is off/u);
    } finally {
      await other.stop();
      other.remove();
    }
  });
});

/** WCAG 2.2's contrast of every element that has a text of its own; the least, and whose. */
const leastContrast = `(() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [...document.body.querySelectorAll('*')]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ''))
    .map((element) => {
      const pair = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
      return [(pair[0] + 0.05) / (pair[1] + 0.05), element.outerHTML.slice(0, 80)];
    });
  return found.sort((a, b) => a[0] - b[0])[0];
})()`;
