/**
 * `-o name=value` of the daemon and the verbs. It is split like a line of
 * main.cf, and the value isn't expanded. Throws FatalError with Postfix's text. Follows mail_conf_update's callers in src/master/multi_server.c.
 */
import { FatalError } from '../errors.ts';
import { splitSetting, type Setting } from './main-cf.ts';

/** @param text what follows `-o`; white space around its parts is dropped. */
export function splitOverride(text: string): Setting {
  const setting = splitSetting(text);
  if (typeof setting === 'string') {
    throw new FatalError(`invalid "-o ${text}" option value: ${setting}`);
  }
  return setting;
}
