import { translated } from '../locale/language.js';
import { texts } from './en/dashboard.js';

export const dashboardTexts = translated(texts, { de: () => import('./de/dashboard.js') });
