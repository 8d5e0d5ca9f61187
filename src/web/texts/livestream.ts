import { translated } from '../locale/language.js';
import { texts } from './en/livestream.js';

export const livestreamTexts = translated(texts, { de: () => import('./de/livestream.js') });
