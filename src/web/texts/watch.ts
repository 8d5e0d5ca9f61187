import { translated } from '../locale/language.js';
import { texts } from './en/watch.js';

export const watchTexts = translated(texts, { de: () => import('./de/watch.js') });
