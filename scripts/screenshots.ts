/**
 * Takes pictures of the page: of a daemon under load, and of one that main.cf
 * asks for more than it can serve. Needs chromium, cc, taskset and a built
 * checkout; takes five minutes, so that the plots have a past.
 *
 *     node --import tsx scripts/screenshots.ts [DIR [SECONDS]]
 *
 * Without DIR it takes those of docs/images/. With DIR it takes both daemons
 * there, 1280 and 390 pixels wide, in light and dark colours.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { runLoad } from '../bench/run-load.ts';
import { Standalone } from '../test/cli/standalone.ts';
import { Chromium, noChromium, type View } from '../test/metrics/chromium.ts';
import { freePort } from '../test/postfix/instance.ts';

const [folder, seconds = '305'] = process.argv.slice(2);
const images = folder ?? join(import.meta.dirname, '../docs/images');
const lastsMs = Number(seconds) * 1000;

const desktop = { width: 1280, height: 900 };
const telephone = { width: 390, height: 900, mobile: true };

type Kind = 'sound' | 'broken';

interface Picture {
  name: string;
  kind: Kind;
  view: View;
}

const ofDocs: Picture[] = [
  { name: 'page-light', kind: 'sound', view: { ...desktop, scheme: 'light' } },
  { name: 'page-dark', kind: 'sound', view: { ...telephone, scheme: 'dark' } },
  { name: 'page-broken', kind: 'broken', view: { ...desktop, scheme: 'light' } },
];

const all: Picture[] = (['sound', 'broken'] as const).flatMap((kind) =>
  [desktop, telephone].flatMap((size) =>
    (['light', 'dark'] as const).map((scheme) => ({
      name: `${kind}-${size.width}-${scheme}`,
      kind,
      view: { ...size, scheme },
    })),
  ),
);

/** What main.cf asks for, beside the port. */
const settings: Record<Kind, string[]> = {
  sound: ['myhostname=mx1.example.net', 'smtpd_tls_session_cache_size_limit=8000000'],
  broken: [
    'myhostname=mx2.example.net',
    'smtp_tls_session_cache_database=btree:/nonexistent/smtp_scache',
    'lmtp_tls_session_cache_database=',
    'tls_random_source=dev:/nonexistent/random',
  ],
};

if (noChromium !== false) {
  console.error(`screenshots: ${noChromium}`);
  process.exit(1);
}
mkdirSync(images, { recursive: true });
const daemons = { sound: new Standalone(), broken: new Standalone() };
const origins: Record<Kind, string> = { sound: '', broken: '' };
for (const kind of ['sound', 'broken'] as const) {
  const port = await freePort();
  origins[kind] = `http://127.0.0.1:${port}/`;
  const given = [`tlsmgr_metrics_listen=127.0.0.1:${port}`, ...settings[kind]];
  await daemons[kind].start(...given.flatMap((setting) => ['-o', setting]));
}
const chromium = await Chromium.start();
try {
  await load(daemons.sound);
  for (const { name, kind, view } of folder === undefined ? ofDocs : all) {
    const tab = await chromium.tab(view);
    await tab.open(origins[kind]);
    await tab.until("document.body?.dataset.shown === 'yes'");
    const height = await tab.value<number>('document.documentElement.scrollHeight');
    await tab.resize({ ...view, height });
    const image = await tab.screenshot();
    writeFileSync(join(images, `${name}.png`), image);
    console.log(`${name}.png: ${image.length} bytes`);
  }
} finally {
  await chromium.close();
  for (const daemon of Object.values(daemons)) {
    await daemon.stop();
    daemon.remove();
  }
}

/** Mail comes in waves. */
async function load(tlsmgr: Standalone): Promise<void> {
  const endMs = performance.now() + lastsMs;
  for (let wave = 0; performance.now() < endMs; wave += 1) {
    const requests = Math.round(3000 + 2000 * Math.sin(wave / 9) + 900 * Math.sin(wave / 2));
    const connections = 2 + (wave % 3);
    await runLoad({
      socketPath: tlsmgr.socket,
      processor: 1,
      operation: 'mix',
      connections,
      requests,
      ids: 2000,
    });
    await pause(400);
  }
}
