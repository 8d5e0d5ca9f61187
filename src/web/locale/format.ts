import { currentLocale } from './language.js';

/** Number in the locale of the pages. @param digits digits after the point */
export function number(value: number, digits?: number): string {
  const options =
    digits === undefined ? {} : { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString(currentLocale(), options);
}

/** Form of a text for a count, whose place is `#`, by the plural rules of the language. */
export function plural(count: number, forms: { one: string; other: string }): string {
  const rule = new Intl.PluralRules(currentLocale()).select(count);
  return (rule === 'one' ? forms.one : forms.other).replace('#', number(count));
}
