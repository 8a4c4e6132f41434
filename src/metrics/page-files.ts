/**
 * The page's files, read once before the chroot: they lie in page/ beside this
 * module, in the sources as in what is built from them. Throws what open(2)
 * and read(2) throw: the program is then not whole.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface PageFile {
  type: string;
  body: Buffer;
}

const types: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

const names = [
  'index.html',
  'page.css',
  'page.js',
  'fleet.js',
  'plot.js',
  'put-in.js',
  'read-out.js',
  'words.js',
  'icon.svg',
];

/** @returns by the path that a browser asks for. */
export function readPageFiles(): Map<string, PageFile> {
  const files = names.map((name): [string, PageFile] => {
    const type = types[name.slice(name.lastIndexOf('.') + 1)]!;
    const body = readFileSync(join(import.meta.dirname, 'page', name));
    return [name === 'index.html' ? '/' : `/${name}`, { type, body }];
  });
  return new Map(files);
}
