/**
 * What can be told of a set-up before the daemon is started: `tlsmgr check`
 * shows it, and `tlsmgr install` refuses to go on with an error among it.
 */
import type { Setting } from '../../config/main-cf.ts';
import { loadConfig } from '../../config/load.ts';
import { type MainCf, openMainCf } from '../../config/settings.ts';
import type { Config, ParameterFault } from '../../config/config.ts';
import { FatalError } from '../../errors.ts';
import { cacheFindings } from './caches.ts';
import { configFault, configWarning } from './config-fault.ts';
import { directoryFindings } from './directories.ts';
import type { Finding } from './finding.ts';
import { logFindings } from './log.ts';
import { misspeltFindings } from './misspelt.ts';
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
  /** As in master.cf, or as they are going to be there. */
  overrides: readonly Setting[];
  serviceName: string;
  /** Of master.cf; undefined when that isn't known. */
  chrooted: boolean | undefined;
}

export function examineSetUp(setUp: SetUp): Examined {
  const findings: Finding[] = [];
  let mainCf: MainCf | undefined;
  const options = {
    configDirectory: setUp.configDirectory,
    environment: setUp.environment,
    programName: 'tlsmgr',
    mode: 'daemon',
    warn: (text: string) => void findings.push(configWarning(text, mainCf)),
  } as const;
  let config: Config;
  try {
    mainCf = openMainCf(options);
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
    // The reason of a bad host name is a warning before the fault.
    const reason = findings.find(({ text }) => text.startsWith('valid_hostname: '));
    const words = reason === undefined ? '' : ` (${reason.text.slice('valid_hostname: '.length)})`;
    const fault = configFault(`${thrown.message}${words}`, mainCf);
    const others = findings.filter((finding) => finding !== reason);
    return { config: undefined, mainCf, findings: [...others, fault] };
  }
  findings.push(
    ...config.faults.map((fault) => parameterFault(fault)),
    ...directoryFindings(config),
    ...cacheFindings(config),
    ...randomFindings(config),
    ...logFindings(config, setUp.chrooted),
  );
  return { config, mainCf, findings };
}

function parameterFault({ name, message }: ParameterFault): Finding {
  return {
    severity: 'error',
    name: 'config-fault',
    text: `${message}: its default is used`,
    remedy: `correct it, or go back to the default: postconf -X ${name}; postfix reload`,
  };
}
