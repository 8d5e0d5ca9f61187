import { render } from 'preact';
import { LivePage } from './live-page.js';
import { WatchPage } from './watch-page.js';

const page = document.getElementById('page');
const watch = /^\/watch\/([^/]+)\/?$/.exec(location.pathname);
const streamId = watch?.[1] === undefined ? undefined : decoded(watch[1]);

if (page) {
  render(
    <>
      <nav>
        <a href="/">Headend</a>
      </nav>
      {streamId === undefined ? <LivePage /> : <WatchPage streamId={streamId} />}
    </>,
    page,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
