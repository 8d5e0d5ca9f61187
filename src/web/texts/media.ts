import { translated } from '../locale/language.js';
import { texts } from './en/media.js';

export const mediaTexts = translated(texts, { de: () => import('./de/media.js') });
