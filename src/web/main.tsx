import { render } from 'preact';
import { AdminPage } from './pages/admin-page.js';
import { BroadcastPage } from './pages/broadcast-page.js';
import { ChannelPage } from './pages/channel-page.js';
import { ClipPage } from './pages/clip-page.js';
import { DashboardPage } from './pages/dashboard-page.js';
import { HomePage } from './pages/home-page.js';
import { PlayerPage } from './pages/player-page.js';
import { RecordingPage } from './pages/recording-page.js';
import { SettingsPage } from './pages/settings-page.js';
import { SetupPage } from './pages/setup-page.js';
import { StudioPage } from './pages/studio-page.js';
import { VideoPage } from './pages/video-page.js';
import { WatchPage } from './pages/watch-page.js';

const page = document.getElementById('page');
const streamId = idIn(/^\/watch\/([^/]+)\/?$/);
const studioId = idIn(/^\/studio\/([^/]+)\/?$/);
const recordingId = idIn(/^\/recordings\/([^/]+)\/?$/);
const videoId = idIn(/^\/videos\/([^/]+)\/?$/);
const clipId = idIn(/^\/clips\/([^/]+)\/?$/);
const channelName = idIn(/^\/@([^/]+)\/?$/);

if (page) {
  render(
    <>
      <nav>
        <a href="/">Headend</a>
        <a href="/dashboard" class="aside">
          Dashboard
        </a>
        <a href="/broadcast" class="aside">
          Broadcast
        </a>
        <a href="/settings" class="aside">
          Account
        </a>
      </nav>
      {content()}
    </>,
    page,
  );
}

function content() {
  if (videoId !== undefined) return <VideoPage videoId={videoId} />;
  if (streamId !== undefined) return <WatchPage streamId={streamId} />;
  if (studioId !== undefined) return <StudioPage streamId={studioId} />;
  if (recordingId !== undefined) return <RecordingPage recordingId={recordingId} />;
  if (clipId !== undefined) return <ClipPage clipId={clipId} />;
  if (channelName !== undefined) return <ChannelPage name={channelName} />;
  switch (location.pathname.replace(/\/$/, '')) {
    case '/admin':
      return <AdminPage />;
    case '/broadcast':
      return <BroadcastPage />;
    case '/dashboard':
      return <DashboardPage />;
    case '/player':
      return <PlayerPage />;
    case '/settings':
      return <SettingsPage />;
    case '/setup':
      return <SetupPage />;
    default:
      return <HomePage />;
  }
}

/** Returns the id in the path of the page. */
function idIn(pattern: RegExp): string | undefined {
  const text = pattern.exec(location.pathname)?.[1];
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// Hot reload of the dev server: a changed module runs this one again, which renders the page anew.
import.meta.hot?.accept();
