import { type ComponentType, render } from 'preact';
import { currentLanguage, withTexts } from './locale/language.js';
import { commonTexts } from './texts/common.js';

/** Pages by their address, each with its id. A page is loaded when it is opened. */
const PAGES: readonly (readonly [address: RegExp, load: (id: string) => Promise<ComponentType>])[] = [
  [
    /^\/watch\/([^/]+)\/?$/,
    async (streamId) => {
      const { WatchPage } = await import('./pages/watch-page.js');
      return () => <WatchPage streamId={streamId} />;
    },
  ],
  [
    /^\/studio\/([^/]+)\/?$/,
    async (streamId) => {
      const { StudioPage } = await import('./pages/studio-page.js');
      return () => <StudioPage streamId={streamId} />;
    },
  ],
  [
    /^\/recordings\/([^/]+)\/?$/,
    async (recordingId) => {
      const { RecordingPage } = await import('./pages/recording-page.js');
      return () => <RecordingPage recordingId={recordingId} />;
    },
  ],
  [
    /^\/clips\/([^/]+)\/?$/,
    async (clipId) => {
      const { ClipPage } = await import('./pages/clip-page.js');
      return () => <ClipPage clipId={clipId} />;
    },
  ],
  [
    /^\/videos\/([^/]+)\/?$/,
    async (videoId) => {
      const { VideoPage } = await import('./pages/video-page.js');
      return () => <VideoPage videoId={videoId} />;
    },
  ],
  [
    /^\/@([^/]+)\/?$/,
    async (name) => {
      const { ChannelPage } = await import('./pages/channel-page.js');
      return () => <ChannelPage name={name} />;
    },
  ],
  [/^\/admin\/?$/, async () => (await import('./pages/admin-page.js')).AdminPage],
  [/^\/broadcast\/?$/, async () => (await import('./pages/broadcast-page.js')).BroadcastPage],
  [/^\/dashboard\/?$/, async () => (await import('./pages/dashboard-page.js')).DashboardPage],
  [/^\/player\/?$/, async () => (await import('./pages/player-page.js')).PlayerPage],
  [/^\/settings\/?$/, async () => (await import('./pages/settings-page.js')).SettingsPage],
  [/^\/setup\/?$/, async () => (await import('./pages/setup-page.js')).SetupPage],
];

const root = document.getElementById('page');
let shown: ComponentType | 'loading' | 'failed' = 'loading';
let isAdmin = false;

/** Renders the page of the address; again when the page has arrived. */
function show(content: ComponentType | 'loading' | 'failed'): void {
  shown = content;
  if (!root) return;
  const Content = typeof content === 'string' ? undefined : content;
  render(
    <>
      <nav>
        <a href="/">Headend</a>
        <a href="/dashboard" class="aside">
          {commonTexts.dashboard}
        </a>
        <a href="/broadcast" class="aside">
          {commonTexts.broadcast}
        </a>
        <a href="/settings" class="aside">
          {commonTexts.account}
        </a>
        {isAdmin && (
          <a href="/admin" class="aside">
            {commonTexts.admin}
          </a>
        )}
      </nav>
      {Content && <Content />}
      {content === 'failed' && (
        <main>
          <p role="alert">{commonTexts.loadFailed}</p>
          <button type="button" class="primary" onClick={() => location.reload()}>
            {commonTexts.loadAgain}
          </button>
        </main>
      )}
    </>,
    root,
  );
}

function loadPage(): Promise<ComponentType> {
  for (const [address, load] of PAGES) {
    const match = address.exec(location.pathname);
    if (match) return load(decoded(match[1] ?? ''));
  }
  return import('./pages/home-page.js').then(({ HomePage }) => HomePage);
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

/** Shows administrators the link to their page. Pages of viewers, which many open at once, do not ask for it. */
async function showAdminLink(): Promise<void> {
  if (location.pathname.startsWith('/watch/')) return;
  const { fetchCurrentUser } = await import('./account/account.js');
  const { user } = await withTexts(fetchCurrentUser());
  isAdmin = user?.role === 'admin';
  if (isAdmin) show(shown);
}

document.documentElement.lang = currentLanguage();
void withTexts(Promise.resolve()).then(() => show('loading'));
withTexts(loadPage()).then(show, () => show('failed'));
showAdminLink().catch(() => {});

// Hot reload of the dev server: a changed module runs this one again, which renders the page anew.
import.meta.hot?.accept();
