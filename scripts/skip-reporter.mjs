// A reporter for node:test that says at the end, loudly, what was skipped and
// why, and closes with one plain line of counts.

/** @param {AsyncIterable<{ type: string, data: any }>} events */
export default async function* skipReporter(events) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const skips = [];
  for await (const { type, data } of events) {
    if (data?.details?.type === 'suite') {
      if (data.skip !== undefined) {
        counts.skipped += 1;
        skips.push([data.file, data.name, data.skip]);
      }
      continue;
    }
    if (type === 'test:pass' && data.skip !== undefined) {
      counts.skipped += 1;
      skips.push([data.file, data.name, data.skip]);
    } else if (type === 'test:pass') {
      counts.passed += 1;
    } else if (type === 'test:fail') {
      counts.failed += 1;
    }
  }
  for (const [file, name, reason] of skips) {
    yield `*** SKIPPED: ${name} (${file ?? 'unknown file'})${reason === true ? '' : `: ${reason}`}\n`;
  }
  yield `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
}
