/** Where a verb writes and what it reads of its surroundings: handed in, so that a test can look. */
export interface CliIo {
  out(text: string): void;
  err(text: string): void;
  environment: NodeJS.ProcessEnv;
}

/** What is wrong with the arguments; shown with the verb's usage, exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
