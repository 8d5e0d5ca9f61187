import type { Severity } from './rules/index.js';

/** Fault that was found in the media of a broadcast; one per code. Times are Unix ms. */
export type Finding = {
  code: string;
  severity: Severity;
  /** Sentence that says what is wrong. */
  message: string;
  /** Sentence that says what to do. */
  cure: string;
  /** Begin of the last occurrence. */
  since: number;
  /** End of the last occurrence; null while it is present. */
  until: number | null;
  occurrences: number;
};
