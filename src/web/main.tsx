import { render } from 'preact';
import { BroadcastPage } from './pages/broadcast-page.js';
import { LivePage } from './pages/live-page.js';
import { WatchPage } from './pages/watch-page.js';

const page = document.getElementById('page');
const watch = /^\/watch\/([^/]+)\/?$/.exec(location.pathname);
const streamId = watch?.[1] === undefined ? undefined : decoded(watch[1]);

if (page) {
  render(
    <>
      <nav>
        <a href="/">Headend</a>
        <a href="/broadcast" class="aside">
          Broadcast
        </a>
      </nav>
      {content()}
    </>,
    page,
  );
}

function content() {
  if (streamId !== undefined) return <WatchPage streamId={streamId} />;
  return /^\/broadcast\/?$/.test(location.pathname) ? <BroadcastPage /> : <LivePage />;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// Hot reload of the dev server: a changed module runs this one again, which renders the page anew.
import.meta.hot?.accept();
