import { translated } from '../locale/language.js';
import { texts } from './en/home.js';

export const homeTexts = translated(texts, { de: () => import('./de/home.js') });
