import { translated } from '../locale/language.js';
import { texts } from './en/setup.js';

export const setupTexts = translated(texts, { de: () => import('./de/setup.js') });
