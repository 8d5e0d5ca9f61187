import type { ErrorCode, HealthFinding } from '../../api/contract.js';

/** Translations of the gateway’s messages by their code; `#` is the first number of its English sentence. */
export type ErrorTexts = Partial<Record<ErrorCode, string>>;
/** Translations of what the ingest doctor finds, by its code. */
export type FindingTexts = Readonly<Record<string, Pick<HealthFinding, 'message' | 'cure'>>>;
