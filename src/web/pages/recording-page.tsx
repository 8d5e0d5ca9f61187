import type { Recording } from '../../api/contract.js';
import { InviteeSignIn } from '../account/invitee-sign-in.js';
import { callApi } from '../api/api-client.js';
import { ChatReplay } from '../chat/chat-replay.js';
import { ClipButton } from '../clips/clip-button.js';
import { durationText, timeText } from '../forms/format.js';
import { PlayerFrame } from '../player/player-frame.js';
import { useRecordingSession } from '../recordings/use-recording-session.js';
import { formsTexts } from '../texts/forms.js';
import { mediaTexts } from '../texts/media.js';
import { Badge } from './badge.js';
import '../forms/forms.css';

/** Page that plays one recording. */
export function RecordingPage({ recordingId }: { recordingId: string }) {
  const { video, still, snapshot, playback } = useRecordingSession<Recording>(recordingId, {
    async fetch(signal) {
      const result = await callApi('GET /api/recordings/:recordingId', { params: { recordingId }, signal });
      return result.kind === 'ok' ? { ...result, value: result.value.recording } : result;
    },
    noticeOf,
  });
  const recording = snapshot?.recording;
  const title = recording?.title;
  return (
    <main class="watch">
      <div class="watch-main">
        <PlayerFrame
          {...{ video, still }}
          label={title ?? mediaTexts.recording}
          playback={playback}
          notice={snapshot?.notice}
        />
        <header class="about">
          <h1>{title ?? mediaTexts.recording}</h1>
          <Badge badge={{ tone: 'quiet', text: mediaTexts.recording }} />
          {playback && recording && (
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
              {mediaTexts.livestream}
            </a>
            {recording.playback && (
              <a class="button" href={new URL(recording.playback.mp4).pathname} download>
                {formsTexts.download}
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

function noticeOf(recording: Recording | undefined): string {
  return recording ? mediaTexts.recordingNotReady : mediaTexts.recordingMissing;
}
