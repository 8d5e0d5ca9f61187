import { translated } from '../locale/language.js';
import { texts } from './en/account.js';

export const accountTexts = translated(texts, { de: () => import('./de/account.js') });
