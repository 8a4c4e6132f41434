/**
 * The smtpd(8) services of a master.cf. Postfix puts the name of the service into
 * each session id of smtpd, and from 3.12 on into its tickets. So hosts resume
 * each other's sessions where their services have the same name.
 */
import { logicalLines } from '../config/main-cf.ts';

const commandField = 7;

/** Names in their order, each once, without those that only this host can reach. */
export function smtpdServicesIn(masterCf: string, path: string): string[] {
  const names: string[] = [];
  for (const { line } of logicalLines(masterCf, path, () => undefined)) {
    const fields = line.split(/[ \t]+/u);
    const [service = ''] = fields;
    if (/(?:^|\/)smtpd$/u.test(fields[commandField] ?? '') && !isLoopback(service)) {
      names.push(service);
    }
  }
  return [...new Set(names)].toSorted();
}

/** `10.0.0.1:25`, `[2001:db8::1]:25`, `mx.example.com:25`: no other host has such a name. */
export function hasAddress(service: string): boolean {
  return service.includes(':') && !isLoopback(service);
}

function isLoopback(service: string): boolean {
  return /^(?:127\.|\[?::1\]?:|localhost:)/u.test(service);
}
