/** The exports of the package. bin/tlsmgr starts the daemon. */
export * from './client/index.ts';
export { version } from './version.ts';
