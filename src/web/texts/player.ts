import { translated } from '../locale/language.js';
import { texts } from './en/player.js';

export const playerTexts = translated(texts, { de: () => import('./de/player.js') });
