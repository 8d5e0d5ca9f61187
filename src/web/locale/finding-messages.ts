import type { HealthFinding, Stream } from '../../api/contract.js';
import { withNumber } from './gateway-messages.js';
import { currentLanguage } from './language.js';
import type { FindingTexts } from './message-types.js';

// No English: the gateway’s own sentences are English.
const FINDINGS = { de: () => import('../texts/de/findings.js') };

/** Returns findings with their sentences in the language of the reader, where there is a translation. */
export async function translatedFindings(findings: HealthFinding[]): Promise<HealthFinding[]> {
  if (findings.length === 0) return findings;
  const texts = await findingTexts();
  return findings.map((finding) => {
    const { message, cure = finding.cure } = texts[finding.code] ?? {};
    return { ...finding, cure, message: withNumber(message, finding.message) ?? finding.message };
  });
}

/** Codes of the findings that say the same as a notice of a livestream, by its topic. */
const FINDING_OF_TOPIC: Record<string, string> = {
  shed: 'rendition-shed',
  ingest: 'server-busy',
  memory: 'server-memory',
  webrtc: 'webrtc-unavailable',
  hls: 'hls-unavailable',
  recording: 'not-recorded',
  'source-pace': 'faster-than-real-time',
  'source-tracks': 'tracks-left-out',
  'source-audio': 'sound-missing',
  'source-video': 'picture-missing',
  'source-keyframes': 'keyframes-missing',
};

/** Returns the notices of a livestream in the language of the reader, where there is a translation. */
export async function translatedNotices(notices: Stream['notices']): Promise<Stream['notices']> {
  const texts = await findingTexts();
  return notices.map(({ topic, message }) => {
    const text = withNumber(texts[FINDING_OF_TOPIC[topic] ?? '']?.message, message);
    return { topic, message: text ?? message };
  });
}

async function findingTexts(): Promise<FindingTexts> {
  const language = currentLanguage();
  if (language === 'en') return {};
  return (await FINDINGS[language]().catch(() => undefined))?.texts ?? {};
}
