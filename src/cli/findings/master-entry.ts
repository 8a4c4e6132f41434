/**
 * The tlsmgr line of master.cf, as postconf(1) tells it: that there is one,
 * where Postfix's programs look for it, and what would keep the daemon from
 * starting or let it run otherwise than it should.
 */
import type { Config } from '../../config/config.ts';
import {
  announcementFor,
  isAtLeast,
  isOurs,
  lineText,
  type MasterLine,
  parseLine,
  startsByItself,
  wakingLine,
} from '../postfix/master-line.ts';
import type { Postfix } from '../postfix/postfix.ts';
import type { Finding } from './finding.ts';
import { shellWord } from './shell-word.ts';

export const oldestPostfix = [3, 4] as const;

/** As Postfix delivers it. */
const usualLine = (service: string): string => `${service} unix - - y 1000? 1 tlsmgr`;

/** The line that Postfix's programs ask; undefined when there is none. */
export function masterEntry(postfix: Postfix): MasterLine | undefined {
  const found = postfix.service(`${postfix.serviceName}/unix`);
  return found === undefined ? undefined : parseLine(found);
}

export function versionFindings(mailVersion: string): Finding[] {
  return isAtLeast(mailVersion, ...oldestPostfix)
    ? []
    : [
        {
          severity: 'error',
          name: 'postfix-old',
          text: `Postfix is ${mailVersion}: its programs may not understand this tlsmgr, which was tried with ${oldestPostfix.join('.')} and later`,
          remedy: '# upgrade Postfix',
        },
      ];
}

/** What is wrong with the line itself; also when there is none. */
export function entryFindings(
  postfix: Postfix,
  line: MasterLine | undefined,
  config: Config | undefined,
): Finding[] {
  return line === undefined ? [missingFinding(postfix)] : fieldFindings(line, config);
}

/** What is wrong with the line for this daemon, once it is installed. */
export function ourEntryFindings(line: MasterLine, config: Config, mailVersion: string): Finding[] {
  if (!isOurs(line)) {
    return [];
  }
  const findings: Finding[] = [];
  const wanted = announcementFor(mailVersion);
  if (config.announce !== wanted) {
    findings.push({
      severity: 'error',
      name: 'announcement',
      text: wanted
        ? `tlsmgr_protocol_announcement is no, and the programs of Postfix ${mailVersion} wait for the announcement in vain: TLS goes without caches and tickets`
        : `tlsmgr_protocol_announcement is yes, and the programs of Postfix ${mailVersion} take it for an answer: TLS goes without caches and tickets`,
      remedy: `tlsmgr install -o tlsmgr_protocol_announcement=${wanted ? 'yes' : 'no'}`,
    });
  }
  if (wantsWakeup(line, config) && !startsByItself(line)) {
    findings.push({
      severity: 'warning',
      name: 'metrics-wakeup',
      text: `tlsmgr_metrics_listen is set, and after a start of Postfix nobody listens there until the first TLS handshake: the wake-up time of the ${line.service} service is ${line.wakeup}`,
      remedy: setField(line, 'wakeup', wakingLine(line).wakeup),
    });
  }
  return findings;
}

/** Metrics are to be read on a host that never uses TLS as well. */
function wantsWakeup(line: MasterLine, config: Config | undefined): boolean {
  return isOurs(line) && config?.metricsListen !== undefined;
}

function setField({ service, type }: MasterLine, field: string, value: string): string {
  return `postconf -F ${shellWord(`${service}/${type}/${field}=${value}`)}; postfix reload`;
}

/** Where the log goes: maillog_file needs a service of its own. */
export function postlogFindings(services: readonly MasterLine[], maillogFile: string): Finding[] {
  if (maillogFile === '' || services.some(({ type }) => type === 'unix-dgram')) {
    return [];
  }
  return [
    {
      severity: 'error',
      name: 'postlog-missing',
      text: `maillog_file = ${maillogFile}, and there is no postlog service in master.cf: nobody will see what the daemons log`,
      remedy:
        "postconf -M 'postlog/unix-dgram=postlog unix-dgram n - n - 1 postlogd'; postfix reload",
    },
  ];
}

function missingFinding(postfix: Postfix): Finding {
  const { serviceName } = postfix;
  const lines = postfix.services().map((line) => parseLine(line));
  const put = `postconf -M ${shellWord(`${serviceName}/unix=${usualLine(serviceName)}`)}; postfix reload`;
  const otherType = lines.find(({ service }) => service === serviceName);
  if (otherType !== undefined) {
    return {
      severity: 'error',
      name: 'master-type',
      text: `the ${serviceName} service in master.cf is of type ${otherType.type}: Postfix's programs ask a UNIX-domain socket`,
      remedy: `postconf -M# ${shellWord(`${serviceName}/${otherType.type}`)}; ${put}`,
    };
  }
  const otherName = lines.find(({ command }) => /(?:^|\/)tlsmgr$/u.test(command));
  if (otherName !== undefined) {
    return {
      severity: 'error',
      name: 'master-service-name',
      text: `tlsmgr_service_name is ${serviceName}, and the service in master.cf is ${otherName.service}: Postfix's programs don't find it`,
      remedy: `postconf ${shellWord(`tlsmgr_service_name=${otherName.service}`)}; postfix reload`,
    };
  }
  return {
    severity: 'error',
    name: 'master-no-entry',
    text: `there is no ${serviceName} service in master.cf: TLS goes without caches and tickets, or not at all`,
    remedy: put,
  };
}

function fieldFindings(line: MasterLine, config: Config | undefined): Finding[] {
  const set = (field: string, value: string): string => setField(line, field, value);
  const findings: Finding[] = [];
  if (line.private === 'n') {
    findings.push({
      severity: 'error',
      name: 'master-private',
      text: `the ${line.service} service is public: Postfix's programs look for its socket in private/, and don't find it`,
      remedy: set('private', '-'),
    });
  }
  if (line.processLimit !== '1') {
    findings.push({
      severity: 'error',
      name: 'master-process-limit',
      text: `the process limit of the ${line.service} service is ${line.processLimit}, not 1: the daemon can't start, since several would not share their caches and keys`,
      remedy: set('process_limit', '1'),
    });
  }
  if (line.unprivileged === 'n') {
    findings.push({
      severity: 'warning',
      name: 'master-privileged',
      text: `the ${line.service} service keeps the rights of root, for nothing`,
      remedy: set('unprivileged', '-'),
    });
  }
  if (startsByItself(line) && !wantsWakeup(line, config)) {
    findings.push({
      severity: 'note',
      name: 'master-wakeup',
      text: `master(8) wakes the ${line.service} service every ${line.wakeup} seconds, used or not: a ? spares that`,
      remedy: set('wakeup', `${line.wakeup}?`),
    });
  }
  if (!/(?:^|\/)tlsmgr$/u.test(line.command)) {
    findings.push({
      severity: 'warning',
      name: 'master-command',
      text: `the ${line.service} service runs ${line.command}: ${lineText(line)}`,
      remedy: set('command', 'tlsmgr'),
    });
  }
  return findings;
}
