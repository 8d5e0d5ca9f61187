import type { Rule, Severity } from './rule.js';

/** Notices about a broadcast that are findings as they are, by topic. */
const NOTICES: Record<string, { code: string; severity: Severity; cure: string }> = {
  shed: {
    code: 'rendition-shed',
    severity: 'warning',
    cure: 'Your stream is fine. The operator can offer fewer qualities (LADDER), use a hardware encoder (VIDEO_ENCODER), or a faster machine.',
  },
  ingest: {
    code: 'server-busy',
    severity: 'warning',
    cure: 'Lower resolution and frame rate, or ask the operator for a faster machine.',
  },
  memory: {
    code: 'server-memory',
    severity: 'error',
    cure: 'Lower the resolution, or ask the operator to raise FFMPEG_MAX_MEMORY.',
  },
  webrtc: {
    code: 'webrtc-unavailable',
    severity: 'warning',
    cure: 'Your stream is fine: the operator finds the cause in the log of the server.',
  },
  hls: {
    code: 'hls-unavailable',
    severity: 'error',
    cure: 'Publish H.264.',
  },
  recording: {
    code: 'not-recorded',
    severity: 'error',
    cure: 'Delete recordings that are no longer needed, or ask the operator for storage.',
  },
  'source-pace': {
    code: 'faster-than-real-time',
    severity: 'warning',
    cure: 'Send live media; with ffmpeg use -re.',
  },
  'source-tracks': {
    code: 'tracks-left-out',
    severity: 'warning',
    cure: 'Choose one video track of H.264 and one audio track of AAC in your streaming software.',
  },
};

export const NOTICE_RULES: readonly Rule[] = Object.entries(NOTICES).map(([topic, finding]) => ({
  ...finding,
  find: ({ notices }) => notices.get(topic),
}));
