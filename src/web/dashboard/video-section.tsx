import { useEffect, useRef, useState } from 'preact/hooks';
import type { Video } from '../../api/contract.js';
import type { CurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { durationText, sizeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { VISIBILITIES } from '../forms/visibility-select.js';
import { dashboardTexts } from '../texts/dashboard.js';
import { formsTexts } from '../texts/forms.js';
import { uploadVideo } from './video-upload.js';

/** Interval at which states are read again, ms. */
const REFRESH_MS = 2_000;

/** Uploaded videos of an account, with their progress. */
export function VideoSection({ currentUser: { csrfToken } }: { currentUser: CurrentUser }) {
  const [videos, setVideos] = useState<Video[]>();
  const [uploaded, setUploaded] = useState<number>();
  const [uploadError, setUploadError] = useState('');
  const pause = useRef(() => {});
  const { isBusy, error, run } = useAction();

  const fetchVideos = () => callApi('GET /api/videos', {});
  const load = async (): Promise<void> => {
    const listed = await run(fetchVideos());
    if (listed) setVideos(listed.videos);
  };
  useEffect(() => {
    void load();
    // Not by `run`: it would delete the message of a failed action.
    const timer = setInterval(() => {
      if (document.visibilityState !== 'visible') return;
      void fetchVideos().then((result) => result.kind === 'ok' && setVideos(result.value.videos));
    }, REFRESH_MS);
    return () => {
      clearInterval(timer);
      pause.current();
    };
  }, []);

  const start = async (input: HTMLInputElement): Promise<void> => {
    const file = input.files?.[0];
    if (!file) return;
    setUploadError('');
    setUploaded(0);
    const ended = (message: string): void => {
      setUploaded(undefined);
      setUploadError(message);
      input.value = '';
      void load();
    };
    pause.current = await uploadVideo(file, csrfToken, {
      onProgress: setUploaded,
      onDone: () => ended(''),
      onFailure: ended,
    });
  };
  const edit = async (videoId: string, visibility: Video['visibility']): Promise<void> => {
    const call = callApi('PATCH /api/videos/:videoId', {
      params: { videoId },
      body: { visibility },
      csrfToken,
    });
    if (await run(call)) await load();
  };
  const cancel = async (videoId: string): Promise<void> => {
    pause.current();
    setUploaded(undefined);
    if (await run(callApi('POST /api/videos/:videoId/cancel', { params: { videoId }, csrfToken })))
      await load();
  };
  const remove = async (videoId: string): Promise<void> => {
    if (await run(callApi('DELETE /api/videos/:videoId', { params: { videoId }, csrfToken }))) await load();
  };

  return (
    <section class="card">
      <h2>{dashboardTexts.yourVideos}</h2>
      <label>
        {dashboardTexts.uploadVideo}
        <input
          type="file"
          accept="video/*,.mkv,.flv,.ts"
          disabled={uploaded !== undefined}
          onChange={({ currentTarget }) => void start(currentTarget)}
        />
      </label>
      {uploaded !== undefined && (
        <label>
          {dashboardTexts.uploaded(percent(uploaded))}
          <progress value={uploaded} max={1} />
        </label>
      )}
      <ErrorText>{uploadError || error}</ErrorText>
      <ul class="entries">
        {videos?.map((video) => (
          <li key={video.id}>
            {video.playback && (
              <img class="thumbnail" src={new URL(video.playback.poster).pathname} alt="" loading="lazy" />
            )}
            <span>
              {video.playback ? <a href={`/videos/${video.id}`}>{video.title}</a> : video.title}
              <br />
              <span class="faint">{statusText(video)}</span>
            </span>
            <select
              aria-label={dashboardTexts.whoMayWatch(video.title)}
              value={video.visibility}
              disabled={isBusy}
              onChange={({ currentTarget }) =>
                void edit(video.id, currentTarget.value as Video['visibility'])
              }
            >
              {VISIBILITIES.map((visibility) => (
                <option key={visibility} value={visibility}>
                  {formsTexts.visibility[visibility]}
                </option>
              ))}
            </select>
            {video.playback && (
              <a class="button" href={new URL(video.playback.mp4).pathname} download>
                {formsTexts.download}
              </a>
            )}
            {video.state === 'ready' || video.state === 'failed' ? (
              <ConfirmButton question={dashboardTexts.deleteVideo} onConfirm={() => void remove(video.id)}>
                {formsTexts.delete}
              </ConfirmButton>
            ) : (
              <button type="button" disabled={isBusy} onClick={() => void cancel(video.id)}>
                {formsTexts.cancel}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function statusText({ state, progress, durationS, sizeBytes, failure }: Video): string {
  switch (state) {
    case 'uploading':
      return dashboardTexts.uploading;
    case 'queued':
      return dashboardTexts.queued;
    case 'transcoding':
      return dashboardTexts.prepared(percent(progress));
    case 'ready':
      return `${durationText(durationS ?? 0)} · ${sizeText(sizeBytes)}`;
    case 'failed':
      return (
        dashboardTexts.videoFailures[failure?.code ?? ''] ?? failure?.message ?? dashboardTexts.videoFailed
      );
  }
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}
