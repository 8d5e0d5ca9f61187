import { translated } from '../locale/language.js';
import { texts } from './en/webrtc.js';

export const webrtcTexts = translated(texts, { de: () => import('./de/webrtc.js') });
