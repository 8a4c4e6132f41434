/**
 * The defaults of myhostname and mydomain, which depend on the host. They are
 * found out when they are needed. Follows src/global/mail_params.c.
 */
import { hostname } from 'node:os';

const lastDomain = 'localdomain';

/** The expanded value of a parameter that is set; undefined for one that isn't. */
export type SetValue = (name: string) => string | undefined;

/** Values have one character for each byte (byte-text.ts). */
export const foundDefaults: Readonly<Record<string, (setValue: SetValue) => string>> = {
  myhostname: (setValue) => ownHostname(setValue),
  mydomain: (setValue) => {
    const name = setValue('myhostname') ?? ownHostname(setValue);
    const dot = name.indexOf('.');
    return dot < 0 ? lastDomain : name.slice(dot + 1);
  },
};

function ownHostname(setValue: SetValue): string {
  const name = hostname();
  return name.includes('.') ? name : `${name}.${setValue('mydomain') ?? lastDomain}`;
}
