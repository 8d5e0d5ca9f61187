import { translated } from '../locale/language.js';
import { texts } from './en/chat.js';

export const chatTexts = translated(texts, { de: () => import('./de/chat.js') });
