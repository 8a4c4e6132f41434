/**
 * The daemon's logger. It writes to syslogd or to postlogd, never to both, and
 * with `-V` to standard error too. It works from the first step of a start, when
 * main.cf is not known yet:
 *
 *   early      MAIL_LOGTAG/program, to POSTLOG_SERVICE, else to syslog as mail
 *   reopened   syslog_name/program, as maillog_file and syslog_facility say
 *
 * Connections are made at once, before a chroot can hide their paths. Follows
 * src/global/maillog_client.c and src/global/mail_task.c.
 */
import { type Clock, systemClock } from '../system/clock.ts';
import { fitsSocketAddress } from '../system/socket-path.ts';
import { makeTag } from './line.ts';
import { Outlet } from './outlet.ts';
import { postlogChannel, postlogHead } from './postlog.ts';
import { ProcessLogger } from './process-logger.ts';
import { SocketChannel } from './socket-channel.ts';
import { DescriptorChannel, plainHead } from './stderr.ts';
import { syslogHead, syslogPath } from './syslog.ts';

export interface MailLoggerOptions {
  /** The program's path or name: its last part goes into the tag. */
  program: string;
  /** Read for MAIL_LOGTAG, POSTLOG_SERVICE and POSTLOG_HOSTNAME. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Where syslogd listens. */
  syslogPath?: string | undefined;
  clock?: Clock | undefined;
  /** Where a copy on standard error goes. */
  stderrDescriptor?: number | undefined;
}

/** What main.cf says of the log. */
export interface LogSettings {
  /** What stands before `/tlsmgr` in the tag. */
  syslogName: string;
  /** One of syslogFacilities. */
  syslogFacility: string;
  /** Not empty: lines go to postlogd instead of syslogd. */
  maillogFile: string;
  /** Path of postlogd's socket, from outside the chroot. */
  postlogSocket: string;
  /** What lines to postlogd name as this host. */
  hostname: string;
  /** Whether valid UTF-8 stays as it is. */
  keepUtf8: boolean;
}

const defaultName = 'postfix';
const defaultFacility = 'mail';
const unknownHost = 'amnesiac';

export class MailLogger extends ProcessLogger {
  readonly #options: MailLoggerOptions;
  readonly #clock: Clock;
  #tag: string;
  #main: Outlet;
  /** The path that #main is connected to. */
  #path: string;
  #isSyslog: boolean;
  /** The place before reopen, while lines wait for it. */
  #old: Outlet | undefined;
  #copy: Outlet | undefined;
  /** Given when the copy has a tag of its own. */
  #copyTag: string | undefined;

  /** A path in POSTLOG_SERVICE that is too long leaves the early lines to syslog. */
  constructor(options: MailLoggerOptions) {
    super([], false);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { MAIL_LOGTAG, POSTLOG_SERVICE, POSTLOG_HOSTNAME } = options.environment;
    this.#tag = makeTag(MAIL_LOGTAG ?? defaultName, options.program, false);
    if (isPostlogPath(POSTLOG_SERVICE)) {
      this.#path = POSTLOG_SERVICE;
      this.#isSyslog = false;
      this.#main = this.#postlog(POSTLOG_SERVICE, POSTLOG_HOSTNAME ?? unknownHost);
    } else {
      this.#path = this.#syslogPath;
      this.#isSyslog = true;
      this.#main = this.#syslog(defaultFacility);
    }
    this.outlets = [this.#main];
  }

  /**
   * Goes over to what main.cf says. Lines that wait for the old place still go
   * there. @throws FatalError when postlog's path is too long.
   */
  reopen(settings: LogSettings): void {
    const { syslogName, syslogFacility, maillogFile, postlogSocket, hostname } = settings;
    this.keepUtf8 = settings.keepUtf8;
    this.#tag = makeTag(syslogName, this.#options.program, settings.keepUtf8);
    const old = this.#main;
    const isSyslog = maillogFile === '';
    const path = isSyslog ? this.#syslogPath : postlogSocket;
    // A channel to postlogd joins lines, and syslogd may not get such a datagram.
    const sameReader = path === this.#path && isSyslog === this.#isSyslog;
    if (sameReader && old.channel.connected) {
      old.head = isSyslog
        ? syslogHead(this.#tag, syslogFacility)
        : postlogHead(this.#tag, hostname);
    } else {
      this.#main = isSyslog ? this.#syslog(syslogFacility) : this.#postlog(postlogSocket, hostname);
      this.#path = path;
      this.#isSyslog = isSyslog;
      old.retire();
      this.#old = old;
    }
    if (this.#copy !== undefined) {
      this.#copy.head = plainHead(this.#copyTag ?? this.#tag);
    }
    this.#setOutlets();
  }

  /** From now on every line goes to standard error too, under the log's tag or under this one. */
  copyToStderr(tag?: string): void {
    this.#copyTag = tag;
    const head = plainHead(tag ?? this.#tag);
    if (this.#copy === undefined) {
      this.#copy = new Outlet({
        channel: new DescriptorChannel(this.#options.stderrDescriptor),
        head,
        clock: this.#clock,
        name: 'standard error',
      });
    } else {
      this.#copy.head = head;
    }
    this.#setOutlets();
  }

  protected override allOutlets(): readonly Outlet[] {
    return this.#old === undefined ? this.outlets : [this.#old, ...this.outlets];
  }

  get #syslogPath(): string {
    return this.#options.syslogPath ?? syslogPath;
  }

  #setOutlets(): void {
    this.outlets = this.#copy === undefined ? [this.#main] : [this.#main, this.#copy];
  }

  #syslog(facility: string): Outlet {
    return new Outlet({
      channel: new SocketChannel(this.#syslogPath, { allowStream: true }),
      head: syslogHead(this.#tag, facility),
      clock: this.#clock,
      name: 'syslogd',
    });
  }

  #postlog(path: string, hostname: string): Outlet {
    return new Outlet({
      channel: postlogChannel(path),
      head: postlogHead(this.#tag, hostname),
      clock: this.#clock,
      name: 'postlogd',
    });
  }
}

function isPostlogPath(path: string | undefined): path is string {
  return path !== undefined && path !== '' && fitsSocketAddress(path);
}
