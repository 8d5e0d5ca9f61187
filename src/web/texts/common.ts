import { translated } from '../locale/language.js';
import { texts } from './en/common.js';

export const commonTexts = translated(texts, { de: () => import('./de/common.js') });
