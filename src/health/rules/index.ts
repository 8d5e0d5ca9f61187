import { AUDIO_RULES } from './audio-rules.js';
import { NOTICE_RULES } from './notice-rules.js';
import type { Rule } from './rule.js';
import { TIME_RULES } from './time-rules.js';
import { VIDEO_RULES } from './video-rules.js';

export const RULES: readonly Rule[] = [...VIDEO_RULES, ...AUDIO_RULES, ...TIME_RULES, ...NOTICE_RULES];
export type { HealthWindow, Severity } from './rule.js';
