import { useEffect, useState } from 'preact/hooks';
import { Listing } from '../home/listing.js';
import { SearchBox } from '../home/search-box.js';
import { SearchResults } from '../home/search-results.js';
import { homeTexts } from '../texts/home.js';
import '../forms/forms.css';
import '../home/home.css';

/** Page with what is live, upcoming and recent, and the search. */
export function HomePage() {
  const [words, setWords] = useState(wordsInAddress);

  useEffect(() => {
    document.title = words === '' ? `${homeTexts.liveNow} · Headend` : `${words} · Headend`;
  }, [words]);
  useEffect(() => {
    const goBack = (): void => setWords(wordsInAddress());
    window.addEventListener('popstate', goBack);
    return () => window.removeEventListener('popstate', goBack);
  }, []);

  const search = (next: string): void => {
    const query = next === '' ? '' : `?${new URLSearchParams({ q: next })}`;
    history.replaceState(undefined, '', location.pathname + query);
    setWords(next);
  };
  return (
    <main class="home">
      <SearchBox words={words} onSearch={search} />
      {words === '' ? <Listing /> : <SearchResults words={words} />}
    </main>
  );
}

/** Words of the search that the address of the page names. */
function wordsInAddress(): string {
  return (new URLSearchParams(location.search).get('q') ?? '').trim().slice(0, 200);
}
