/** What the package exports. The daemon itself is started through bin/tlsmgr. */
export * from './client/index.ts';
export { version } from './version.ts';
