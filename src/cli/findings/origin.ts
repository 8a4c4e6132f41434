/** Where a value comes from that isn't main.cf's: an `-o` of master.cf, or of the command itself. */
import type { Setting } from '../../config/main-cf.ts';

export interface Origins {
  /** The service as postconf(1) names it, `tlsmgr/unix`. */
  service: string;
  /** In its line of master.cf. */
  masterCf: readonly Setting[];
  /** Stronger. */
  command: readonly Setting[];
}

/** Behind a text; empty for main.cf. */
export function originText(parameter: string | undefined, origins: Origins | undefined): string {
  switch (originOf(parameter, origins)) {
    case 'command':
      return ' (by an -o of this command)';
    case 'master.cf':
      return ' (by an -o in the tlsmgr line of master.cf)';
    default:
      return '';
  }
}

/** Undefined for main.cf. */
export function originRemedy(
  parameter: string | undefined,
  origins: Origins | undefined,
): string | undefined {
  switch (originOf(parameter, origins)) {
    case 'command':
      return '# correct the -o of this command';
    case 'master.cf':
      return `${withoutOption(origins!.service, parameter!)}  # takes the -o away; another value: postconf -P '${origins!.service}/${parameter}=VALUE'`;
    default:
      return undefined;
  }
}

export function withoutOption(service: string, parameter: string): string {
  return `postconf -PX ${service}/${parameter}; postfix reload`;
}

function originOf(
  parameter: string | undefined,
  origins: Origins | undefined,
): 'command' | 'master.cf' | 'main.cf' {
  const isIn = (settings: readonly Setting[] = []): boolean =>
    settings.some(({ name }) => name === parameter);
  return isIn(origins?.command) ? 'command' : isIn(origins?.masterCf) ? 'master.cf' : 'main.cf';
}
