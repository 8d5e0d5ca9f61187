import { translated } from '../locale/language.js';
import { texts } from './en/element.js';

export const elementTexts = translated(texts, { de: () => import('./de/element.js') });
