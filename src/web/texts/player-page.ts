import { translated } from '../locale/language.js';
import { texts } from './en/player-page.js';

export const playerPageTexts = translated(texts, { de: () => import('./de/player-page.js') });
