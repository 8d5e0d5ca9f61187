import { translated } from '../locale/language.js';
import { texts } from './en/admin.js';

export const adminTexts = translated(texts, { de: () => import('./de/admin.js') });
