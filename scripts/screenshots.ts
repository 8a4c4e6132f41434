/**
 * Takes docs/images/: the page of a daemon under load, light on a desktop and
 * dark on a telephone. Needs chromium, cc, taskset and a built checkout; takes
 * five minutes, for the plots to have a past.
 *
 *     node --import tsx scripts/screenshots.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { runLoad } from '../bench/run-load.ts';
import { Standalone } from '../test/cli/standalone.ts';
import { Chromium, noChromium, type View } from '../test/metrics/chromium.ts';
import { freePort } from '../test/postfix/instance.ts';

const images = join(import.meta.dirname, '../docs/images');
const lastsMs = 305_000;

const views: Record<string, View> = {
  'page-light': { width: 960, height: 1150, scheme: 'light' },
  'page-dark': { width: 375, height: 1180, scheme: 'dark', mobile: true },
};

if (noChromium !== false) {
  console.error(`screenshots: ${noChromium}`);
  process.exit(1);
}
mkdirSync(images, { recursive: true });
const tlsmgr = new Standalone();
const port = await freePort();
await tlsmgr.start(
  '-o',
  `tlsmgr_metrics_listen=127.0.0.1:${port}`,
  '-o',
  'smtpd_tls_session_cache_size_limit=8000000',
);
const chromium = await Chromium.start();
try {
  await load();
  for (const [name, view] of Object.entries(views)) {
    const tab = await chromium.tab(view);
    await tab.open(`http://127.0.0.1:${port}/`);
    await tab.until("document.body?.dataset.shown === 'yes'");
    const image = await tab.screenshot();
    writeFileSync(join(images, `${name}.png`), image);
    console.log(`${name}.png: ${image.length} bytes`);
  }
} finally {
  await chromium.close();
  await tlsmgr.stop();
  tlsmgr.remove();
}

/** Mail comes in waves. */
async function load(): Promise<void> {
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
