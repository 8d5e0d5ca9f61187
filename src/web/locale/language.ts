/** Languages of the pages (ISO 639). English is a part of the code that shows it; others are loaded. */
export const LANGUAGES = ['en', 'de'] as const;
export type Language = (typeof LANGUAGES)[number];
type Translations<T> = Record<Exclude<Language, 'en'>, () => Promise<{ texts: T }>>;

/** One per area: gives its texts the current language. */
const adoptions: (() => Promise<void>)[] = [];
let current: { locale: string; language: Language } = localeOf(preferredLocales());
let adopted: Promise<unknown> = Promise.resolve();

/** Returns the first of the preferred locales (BCP 47) whose language the pages have; else English. */
export function localeOf(preferred: readonly string[]): { locale: string; language: Language } {
  for (const locale of preferred) {
    const language = LANGUAGES.find((each) => each === locale.toLowerCase().split('-')[0]);
    if (language) return { locale, language };
  }
  return { locale: 'en', language: 'en' };
}

/** Returns the languages of the browser, best first; none outside of browsers, whatever the machine’s locale is. */
function preferredLocales(): readonly string[] {
  const { document, navigator } = globalThis as {
    document?: unknown;
    navigator?: { languages?: readonly string[] };
  };
  return (document ? navigator?.languages : undefined) ?? [];
}

/** Returns the language of the pages. */
export function currentLanguage(): Language {
  return current.language;
}

/** Returns the locale of numbers, dates and plurals, such as `de-AT`: its language is that of the texts. */
export function currentLocale(): string {
  return current.locale;
}

/** Chooses the language again, for a player that has its own. */
export function preferLocale(locale: string): void {
  const { language } = current;
  current = localeOf([locale, ...preferredLocales()]);
  if (current.language !== language) adopted = Promise.all(adoptions.map((adopt) => adopt()));
}

/**
 * Returns the texts of an area in the current language: English until `withTexts` has resolved, and for good where
 * the translation cannot be loaded. They are read when they are shown, never copied into constants of a module.
 */
export function translated<T extends object>(english: T, translations: Translations<T>): T {
  const texts = { ...english };
  const adopt = async (): Promise<void> => {
    const { language } = current;
    const loaded = language === 'en' ? english : await translations[language]().then(textsOf, () => english);
    if (language === current.language) Object.assign(texts, loaded);
  };
  adoptions.push(adopt);
  if (current.language !== 'en') adopted = Promise.all([adopted, adopt()]);
  return texts;
}

/** Waits for a module that is imported when it is needed, and for the texts that it shows. */
export async function withTexts<T>(module: Promise<T>): Promise<T> {
  const loaded = await module;
  await adopted;
  return loaded;
}

function textsOf<T>({ texts }: { texts: T }): T {
  return texts;
}
