import { translated } from '../locale/language.js';
import { texts } from './en/broadcast.js';

export const broadcastTexts = translated(texts, { de: () => import('./de/broadcast.js') });
