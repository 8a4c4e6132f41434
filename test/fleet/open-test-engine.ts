/** An engine as the daemon opens it, from a .cf file that a test writes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../../src/fleet/engine/engine.ts';
import { readEngineFile } from '../../src/fleet/engine/engine-file.ts';
import type { NamesOptions } from '../../src/fleet/engine/names.ts';
import { openEngine } from '../../src/fleet/engine/open-engine.ts';
import { systemClock } from '../../src/system/clock.ts';
import { LogLines } from '../log-lines.ts';
import { until } from './redis-server.ts';

export interface TestEngine {
  engine: Engine;
  log: LogLines;
  /** Waits until it is up. */
  up(): Promise<void>;
  /** Waits until the log says that it is back, a second after it is up. */
  saidBack(): Promise<void>;
  close(): void;
}

export interface TestEngineOptions {
  /** Written to the password_file. */
  password?: string;
  names?: NamesOptions | undefined;
}

/** Opens an engine and starts it. @param values of the .cf file. */
export async function openTestEngine(
  values: Readonly<Record<string, string>>,
  { password, names }: TestEngineOptions = {},
): Promise<TestEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-engine-'));
  const file = join(folder, 'fleet.cf');
  const lines = Object.entries(values);
  if (password !== undefined) {
    const path = join(folder, 'password');
    writeFileSync(path, `${password}\n`, { mode: 0o600 });
    lines.push(['password_file', path]);
  }
  writeFileSync(file, lines.map(([name, value]) => `${name} = ${value}\n`).join(''));
  try {
    const log = new LogLines();
    const settings = readEngineFile(file);
    const engine = await openEngine(settings, { log, clock: systemClock, names });
    engine.start();
    return {
      engine,
      log,
      up: () => until(() => engine.connection === 'up'),
      saidBack: () => until(() => log.lines.some((line) => line.includes(' is back after '))),
      close: () => engine.closeNow(),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
