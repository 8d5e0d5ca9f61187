import { translated } from '../locale/language.js';
import { texts } from './en/settings.js';

export const settingsTexts = translated(texts, { de: () => import('./de/settings.js') });
