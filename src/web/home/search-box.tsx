import { useEffect, useState } from 'preact/hooks';
import { homeTexts } from '../texts/home.js';

/** Pause in typing after which it is searched, ms. */
const PAUSE_MS = 250;

type SearchBoxProps = { words: string; onSearch: (words: string) => void };

/** Field for the words of a search; searches while the user types. */
export function SearchBox({ words, onSearch }: SearchBoxProps) {
  const [text, setText] = useState(words);
  useEffect(() => {
    if (text.trim() === words) return;
    const timer = setTimeout(() => onSearch(text.trim()), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);

  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    onSearch(text.trim());
  };
  return (
    <search>
      <form class="search" onSubmit={submit}>
        <input
          type="search"
          name="q"
          aria-label={homeTexts.searchLabel}
          placeholder={homeTexts.search}
          maxLength={200}
          autocomplete="off"
          dir="auto"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="visually-hidden" tabIndex={-1}>
          {homeTexts.search}
        </button>
      </form>
    </search>
  );
}
