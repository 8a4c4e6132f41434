/**
 * What can be told of a set-up before the daemon is started: `tlsmgr check`
 * shows it, and `tlsmgr install` refuses to go on with an error among it.
 */
import { loadConfig, namedCaches } from '../../config/load.ts';
import { type MainCf, openMainCf } from '../../config/settings.ts';
import type { Config } from '../../config/config.ts';
import { FatalError } from '../../errors.ts';
import { cacheFindings } from './caches.ts';
import { configFinding, parameterFault } from './config-fault.ts';
import { directoryFindings } from './directories.ts';
import { fleetFindings } from './fleet.ts';
import type { Finding } from './finding.ts';
import { logFindings } from './log.ts';
import { misspeltFindings } from './misspelt.ts';
import type { Origins } from './origin.ts';
import { randomFindings } from './random.ts';

export interface Examined {
  /** Undefined when main.cf has a fault that the daemon would die of. */
  config: Config | undefined;
  /** Undefined when it can't be read. */
  mainCf: MainCf | undefined;
  findings: Finding[];
}

export interface SetUp {
  configDirectory: string;
  environment: NodeJS.ProcessEnv;
  /** What sets parameters besides main.cf. */
  origins: Origins;
  serviceName: string;
  /** Of master.cf; undefined when that isn't known. */
  chrooted: boolean | undefined;
  /** One that logs to where it was started. */
  standalone?: boolean;
}

export function examineSetUp(setUp: SetUp): Examined {
  const findings: Finding[] = [];
  const { origins } = setUp;
  let mainCf: MainCf | undefined;
  const options = {
    configDirectory: setUp.configDirectory,
    environment: setUp.environment,
    programName: 'tlsmgr',
    mode: 'daemon',
    warn: (text: string) => void findings.push(configFinding('warning', text, mainCf, origins)),
  } as const;
  let config: Config;
  try {
    mainCf = openMainCf(options);
    const known = {
      ...options,
      mainCf,
      overrides: [...origins.masterCf, ...origins.command],
      serviceName: setUp.serviceName,
    };
    findings.push(...misspeltFindings(mainCf, origins, namedCaches(known)));
    config = loadConfig(known);
  } catch (thrown) {
    if (!(thrown instanceof FatalError)) {
      throw thrown;
    }
    // The reason of a bad host name is a warning before the fault.
    const reason = findings.find(({ text }) => text.startsWith('valid_hostname: '));
    const words = reason === undefined ? '' : ` (${reason.text.slice('valid_hostname: '.length)})`;
    const fault = configFinding('fault', `${thrown.message}${words}`, mainCf, origins);
    const others = findings.filter((finding) => finding !== reason);
    return { config: undefined, mainCf, findings: [...others, fault] };
  }
  const faulty = config.faults.map(({ name }) => name);
  findings.push(
    ...config.faults.map((fault) => parameterFault(fault, faulty, mainCf, origins)),
    ...directoryFindings(config),
    ...cacheFindings(config),
    ...randomFindings(config),
    ...fleetFindings(config),
    ...(setUp.standalone === true ? [] : logFindings(config, setUp.chrooted)),
  );
  return { config, mainCf, findings };
}
