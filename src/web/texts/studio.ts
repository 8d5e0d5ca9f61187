import { translated } from '../locale/language.js';
import { texts } from './en/studio.js';

export const studioTexts = translated(texts, { de: () => import('./de/studio.js') });
