/**
 * `-S`: the client is on standard input and output. As in the original, one
 * request is answered, and no announcement is sent. Source:
 * src/master/multi_server.c.
 */
import { writeSync } from 'node:fs';
import { Encoder } from '../protocol/encoder.ts';
import { Decoder } from '../protocol/decoder.ts';
import type { Dispatcher } from '../requests/dispatcher.ts';

const maxRequestBytes = 1024 * 1024;

/** Answers one request; returns as well when there is none before the end of the input. */
export async function serveStandardInput(dispatcher: Dispatcher): Promise<void> {
  const decoder = new Decoder(maxRequestBytes);
  const reply = new Encoder();
  let answering: Promise<void> | undefined;
  const answer = async (): Promise<void> => {
    const later = dispatcher.answer(decoder, reply);
    if (later !== undefined) {
      (await later)(reply);
    }
    writeAll(reply.buffer.subarray(0, reply.length));
    reply.clear();
    process.stdin.destroy();
  };
  process.stdin.on('data', (chunk: Buffer) => {
    decoder.push(chunk);
    const found = decoder.next();
    if (found === 'list') {
      process.stdin.removeAllListeners('data');
      answering = answer();
    } else if (found === 'too-long') {
      process.stdin.destroy();
    } else {
      decoder.keepRest();
    }
  });
  // A pipe that ends is closed then, a file or device isn't; what was destroyed has no end.
  await new Promise<void>((resolve) => {
    process.stdin.once('end', resolve).once('close', resolve);
  });
  await answering;
}

function writeAll(bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) {
    written += writeSync(1, bytes, written);
  }
}
