/**
 * What can be told of a set-up before the daemon is started: `tlsmgr check`
 * shows it, and `tlsmgr install` refuses to go on with an error among it.
 */
import type { Setting } from '../../config/main-cf.ts';
import { loadConfig } from '../../config/load.ts';
import { openMainCf } from '../../config/settings.ts';
import { parameters } from '../../config/parameters.ts';
import type { Config } from '../../config/config.ts';
import { FatalError } from '../../errors.ts';
import { cacheFindings } from './caches.ts';
import { directoryFindings } from './directories.ts';
import type { Finding } from './finding.ts';
import { logFindings } from './log.ts';
import { misspeltFindings } from './misspelt.ts';
import { randomFindings } from './random.ts';

export interface Examined {
  /** Undefined when main.cf has a fault that the daemon would die of. */
  config: Config | undefined;
  findings: Finding[];
}

export interface SetUp {
  configDirectory: string;
  environment: NodeJS.ProcessEnv;
  /** As in master.cf, or as they are going to be there. */
  overrides: readonly Setting[];
  serviceName: string;
  /** Of master.cf; undefined when that isn't known. */
  chrooted: boolean | undefined;
}

export function examineSetUp(setUp: SetUp): Examined {
  const findings: Finding[] = [];
  const options = {
    configDirectory: setUp.configDirectory,
    environment: setUp.environment,
    programName: 'tlsmgr',
    mode: 'daemon',
    warn: (text: string) =>
      void findings.push({
        severity: 'warning',
        name: 'config-warning',
        text,
        remedy: 'correct main.cf; postfix reload',
      }),
  } as const;
  let config: Config;
  try {
    const mainCf = openMainCf(options);
    findings.push(
      ...misspeltFindings(
        mainCf,
        setUp.overrides.map(({ name }) => name),
      ),
    );
    config = loadConfig({
      ...options,
      mainCf,
      overrides: setUp.overrides,
      serviceName: setUp.serviceName,
    });
  } catch (thrown) {
    if (!(thrown instanceof FatalError)) {
      throw thrown;
    }
    return { config: undefined, findings: [...findings, configFault(thrown.message)] };
  }
  findings.push(
    ...directoryFindings(config),
    ...cacheFindings(config),
    ...randomFindings(config),
    ...logFindings(config, setUp.chrooted),
  );
  return { config, findings };
}

/** In the daemon's own words. */
function configFault(message: string): Finding {
  const named = parameters.find(({ name }) => new RegExp(`\\b${name}\\b`, 'u').test(message));
  return {
    severity: 'error',
    name: 'config-fault',
    text: `${message}: the daemon can't start`,
    remedy:
      named === undefined
        ? 'correct main.cf; postfix reload'
        : `postconf ${named.name} shows it, postconf -d ${named.name} its default; correct it, then postfix reload`,
  };
}
