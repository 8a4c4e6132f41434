/** Tries an input that never ends, to be watched. */
import { HangWatch } from '../../fuzz/hang-watch.ts';

const watch = new HangWatch(0.2);
watch.begin(Buffer.from('never ends'));
for (;;) {
  // As a parser does that makes no way.
}
