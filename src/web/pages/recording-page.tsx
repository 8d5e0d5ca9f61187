import { useEffect, useRef, useState } from 'preact/hooks';
import { InviteeSignIn } from '../account/invitee-sign-in.js';
import { ChatReplay } from '../chat/chat-replay.js';
import { ClipButton } from '../clips/clip-button.js';
import { durationText, timeText } from '../forms/format.js';
import { PlayerBar } from '../player/player-bar.js';
import { PlayerFrame } from '../player/player-frame.js';
import { Scrubber } from '../player/scrubber.js';
import { Badge } from './badge.js';
import { RecordingSession, type RecordingSnapshot } from './recording-session.js';

/** Page that plays one recording. */
export function RecordingPage({ recordingId }: { recordingId: string }) {
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const session = useRef<RecordingSession>(undefined);
  const [snapshot, setSnapshot] = useState<RecordingSnapshot>();

  useEffect(() => {
    if (!video.current || !still.current) return;
    const opened: RecordingSession = new RecordingSession({
      ...{ recordingId, video: video.current, still: still.current },
      onChange: () => setSnapshot(opened.snapshot()),
    });
    session.current = opened;
    opened.start();
    return () => opened.close();
  }, [recordingId]);

  const recording = snapshot?.recording;
  const title = recording?.title;
  useEffect(() => {
    document.title = title ? `${title} · Headend` : 'Headend';
  }, [title]);

  const player = snapshot?.player;
  const hasPlayer = player !== undefined && player.phase !== 'none';
  return (
    <main class="watch">
      <div class="watch-main">
        <PlayerFrame
          {...{ video, still }}
          label={title ?? 'Recording'}
          hasControls={hasPlayer}
          notice={snapshot?.notice}
          refusal={{
            player,
            onPlay: () => session.current?.play(),
            onUnmute: () => session.current?.unmute(),
          }}
        />
        {hasPlayer && (
          <>
            <Scrubber
              range={() => session.current?.range()}
              previewAt={(behindS) => session.current?.previewAt(behindS)}
              onSeek={(behindS) => session.current?.seekTo(behindS)}
              onGoLive={() => {}}
            />
            <PlayerBar
              player={player}
              viewers={undefined}
              onChooseQuality={(id) => session.current?.chooseQuality(id)}
              onChooseDelivery={() => {}}
              onGoLive={() => {}}
            />
          </>
        )}
        <header class="about">
          <h1>{title ?? 'Recording'}</h1>
          <Badge badge={{ tone: 'quiet', text: 'Recording' }} />
          {hasPlayer && recording && (
            <ClipButton
              streamId={recording.streamId}
              currentEnd={() => ({ recordingId, endS: video.current?.currentTime ?? 0 })}
            />
          )}
        </header>
        {recording && (
          <div class="actions">
            <span class="faint">
              {timeText(recording.startedAt)} · {durationText(recording.durationS)}
            </span>
            <a class="button" href={`/watch/${encodeURIComponent(recording.streamId)}`}>
              Livestream
            </a>
            {recording.playback && (
              <a class="button" href={new URL(recording.playback.mp4).pathname} download>
                Download
              </a>
            )}
          </div>
        )}
      </div>
      {snapshot?.missing && <InviteeSignIn />}
      {recording?.playback && (
        <ChatReplay of={{ recordingId }} positionS={() => video.current?.currentTime ?? 0} />
      )}
    </main>
  );
}
