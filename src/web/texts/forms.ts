import { translated } from '../locale/language.js';
import { texts } from './en/forms.js';

export const formsTexts = translated(texts, { de: () => import('./de/forms.js') });
