import { useEffect, useRef, useState } from 'preact/hooks';
import type { Clip } from '../../api/contract.js';
import { InviteeSignIn } from '../account/invitee-sign-in.js';
import { fetchClip } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { ChatReplay } from '../chat/chat-replay.js';
import { durationText } from '../forms/format.js';
import { PlayerFrame } from '../player/player-frame.js';
import { useRecordedPlayback } from '../player/use-recorded-playback.js';
import { formsTexts } from '../texts/forms.js';
import { mediaTexts } from '../texts/media.js';

/** Page of one clip. */
export function ClipPage({ clipId }: { clipId: string }) {
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const [clip, setClip] = useState<Clip>();
  const [missing, setMissing] = useState(false);

  useEffect(() => {
    const poll = new Poll({
      fetch: (signal) => fetchClip(clipId, signal),
      onResult: (result) => {
        setMissing(result.kind === 'missing');
        if (result.kind !== 'ok') return result.kind === 'missing' ? 'never' : 'fast';
        setClip(result.value.clip);
        return result.value.clip.state === 'processing' ? 'fast' : 'never';
      },
    });
    poll.start();
    return () => poll.close();
  }, [clipId]);

  const url = clip?.playback ? new URL(new URL(clip.playback.hls).pathname, location.origin).href : undefined;
  const { playback, isUnplayable } = useRecordedPlayback(video, still, url);

  useEffect(() => {
    document.title = clip ? `${clip.title} · Headend` : 'Headend';
  }, [clip?.title]);

  return (
    <main class="watch">
      <div class="watch-main">
        <PlayerFrame
          {...{ video, still }}
          label={clip?.title ?? mediaTexts.clip}
          playback={playback}
          notice={isUnplayable ? mediaTexts.clipUnplayable : noticeOf(clip, missing)}
        />
        <header class="about">
          <h1>{clip?.title ?? mediaTexts.clip}</h1>
        </header>
        {clip && (
          <p class="description">
            {clip.state === 'ready' && `${durationText(clip.durationS)} · `}
            <a href={`/watch/${clip.streamId}`}>{mediaTexts.wholeBroadcast}</a>
            {clip.playback && (
              <>
                {' · '}
                <a href={new URL(clip.playback.mp4).pathname} download>
                  {formsTexts.download}
                </a>
              </>
            )}
          </p>
        )}
      </div>
      {missing && <InviteeSignIn />}
      {url && <ChatReplay of={{ clipId }} positionS={() => video.current?.currentTime ?? 0} />}
    </main>
  );
}

/** Returns the sentence in the place of the picture. */
function noticeOf(clip: Clip | undefined, missing: boolean): string | undefined {
  if (missing) return mediaTexts.clipMissing;
  if (!clip) return mediaTexts.clipLoading;
  if (clip.state === 'processing') return mediaTexts.clipProcessing;
  return clip.failure === null ? undefined : mediaTexts.clipFailures[clip.failure];
}
