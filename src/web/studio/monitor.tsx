import { useEffect, useRef, useState } from 'preact/hooks';
import type { Stream } from '../api/api-client.js';
import { ViewerToken } from '../api/viewer-token.js';
import { onPageOrigin } from '../pages/page-origin.js';
import { createPlayer } from '../player/create-player.js';
import type { LivePlayer } from '../player/live-player.js';
import { PlayerFrame } from '../player/player-frame.js';
import { formsTexts } from '../texts/forms.js';
import { studioTexts } from '../texts/studio.js';

/** The picture that viewers get, muted; it counts as a viewer while it is shown. */
export function Monitor({ stream }: { stream: Stream }) {
  const [shown, setShown] = useState(false);
  return (
    <section class="monitor">
      <button type="button" aria-expanded={shown} onClick={() => setShown(!shown)}>
        {shown ? studioTexts.hidePicture : studioTexts.showPicture}
      </button>
      {shown && <MonitorPlayer key={stream.startedAt} stream={stream} />}
    </section>
  );
}

function MonitorPlayer({ stream: { id, playback } }: { stream: Stream }) {
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const [hasPicture, setHasPicture] = useState(false);

  useEffect(() => {
    if (!video.current || !still.current) return;
    const [shown, cover] = [video.current, still.current];
    shown.muted = true;
    const token = new ViewerToken(id);
    let player: LivePlayer | undefined;
    let isOpen = true;
    token.start();
    void token.joinByHttp();
    void token.resolved.then((value) => {
      if (!isOpen) return;
      player = createPlayer({
        ...{ video: shown, still: cover, choice: 'auto' },
        url: onPageOrigin(playback.hls, value),
        ...(playback.whep === undefined ? {} : { whepUrl: onPageOrigin(playback.whep, value) }),
        expectsMedia: () => true,
        onChange: () => setHasPicture(player?.view().phase === 'playing'),
      });
      player?.start();
    });
    return () => {
      isOpen = false;
      player?.close();
      token.sendLeave();
      token.close();
    };
  }, [id]);

  return (
    <PlayerFrame
      {...{ video, still }}
      label={studioTexts.picture}
      playback={undefined}
      notice={hasPicture ? undefined : formsTexts.loading}
    />
  );
}
