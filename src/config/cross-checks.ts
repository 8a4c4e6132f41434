/**
 * Checks of Postfix's programs that a row alone can't make: they come later
 * than the check of the row, or look at several parameters. Throws FatalError
 * with Postfix's text. Follows src/global/mail_params.c and maillog_client.c.
 */
import { FatalError } from '../errors.ts';
import { syslogFacilities } from '../system/syslog-facilities.ts';
import { hostnameFault } from './hostname.ts';
import { badValue, type CheckContext } from './parameter.ts';
import { words } from './values.ts';

export interface CrossCheck {
  /** Among the orders of the rows. */
  readonly order: number;
  /** @param textOf the expanded value of a parameter. */
  readonly run: (textOf: (name: string) => string, context: CheckContext) => void;
}

export const crossChecks: readonly CrossCheck[] = [
  {
    order: 130,
    run(textOf, { prefix }) {
      const facility = textOf('syslog_facility');
      if (!syslogFacilities.has(facility)) {
        throw new FatalError(`${prefix}parameter syslog_facility: unrecognized value: ${facility}`);
      }
    },
  },
  {
    order: 150,
    run(textOf) {
      const text = textOf('inet_protocols');
      const unknown = words(text).find((word) => !['all', 'ipv4', 'ipv6'].includes(word));
      if (unknown !== undefined) {
        throw new FatalError(`unknown inet_protocols value "${unknown}" in "${text}"`);
      }
    },
  },
  {
    order: 170,
    run(textOf, { prefix, warn }) {
      for (const name of ['myhostname', 'mydomain']) {
        const text = textOf(name);
        const fault = hostnameFault(text);
        if (fault !== undefined) {
          warn(fault);
          throw badValue(prefix, name, text);
        }
      }
    },
  },
  {
    order: 530,
    run(textOf) {
      const file = textOf('maillog_file');
      const prefixes = words(textOf('maillog_file_prefixes'));
      if (file !== '' && !prefixes.some((prefix) => file.startsWith(prefix))) {
        throw new FatalError(
          `maillog_file value '${file}' does not match any prefix in maillog_file_prefixes`,
        );
      }
    },
  },
];
