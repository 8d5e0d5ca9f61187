import { useEffect, useRef, useState } from 'preact/hooks';
import { type CurrentUser, fetchCurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { mediaTexts } from '../texts/media.js';

/** End of the clip: a place in a recording, s, or a date of the running broadcast, Unix ms. */
export type ClipEnd = { recordingId: string; endS: number } | { endMs: number };

type ClipButtonProps = {
  streamId: string;
  /** Returns the frame on screen; undefined while there is none. */
  currentEnd: () => ClipEnd | undefined;
};

const SECONDS = { minimum: 5, maximum: 180, initial: 30 } as const;

/** Button for those who may make clips of a livestream, and its dialog: the last seconds, a title. */
export function ClipButton({ streamId, currentEnd }: ClipButtonProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [user, setUser] = useState<CurrentUser>();
  const [end, setEnd] = useState<ClipEnd>();
  const { isBusy, error, run } = useAction();

  useEffect(() => {
    const ask = async (): Promise<void> => {
      const current = await fetchCurrentUser();
      if (!current.user) return;
      const result = await callApi('GET /api/livestream/:streamId/clips', {
        params: { streamId },
        query: { limit: '1' },
      });
      if (result.kind === 'ok' && result.value.mayClip) setUser(current);
    };
    // Without an answer there is no button.
    ask().catch(() => {});
  }, [streamId]);

  const open = (): void => {
    const now = currentEnd();
    if (!now) return;
    setEnd(now);
    dialog.current?.showModal();
  };
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (!end || !user) return;
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const seconds = Number(fields.get('seconds'));
    const settings = { title: String(fields.get('title')), exact: fields.has('exact') };
    const { csrfToken } = user;
    const answer = await run(
      'recordingId' in end
        ? callApi('POST /api/recordings/:recordingId/clips', {
            params: { recordingId: end.recordingId },
            body: { ...settings, startS: Math.max(0, end.endS - seconds), endS: end.endS },
            csrfToken,
          })
        : callApi('POST /api/livestream/:streamId/clips', {
            params: { streamId },
            body: { ...settings, start: isoTime(end.endMs - seconds * 1_000), end: isoTime(end.endMs) },
            csrfToken,
          }),
    );
    if (answer) location.assign(`/clips/${answer.clip.id}`);
  };

  if (!user) return null;
  return (
    <>
      <button type="button" class="clip" onClick={open}>
        {mediaTexts.clip}
      </button>
      <dialog ref={dialog} class="card" aria-label={mediaTexts.makeAClip}>
        <form onSubmit={submit}>
          <label>
            {mediaTexts.title}
            <input name="title" required maxLength={200} />
          </label>
          <label>
            {mediaTexts.secondsUpToNow}
            <input
              name="seconds"
              type="number"
              required
              min={SECONDS.minimum}
              max={SECONDS.maximum}
              defaultValue={String(SECONDS.initial)}
            />
          </label>
          <label class="tick">
            <input name="exact" type="checkbox" />
            {mediaTexts.exact}
          </label>
          <ErrorText>{error}</ErrorText>
          <div class="actions">
            <button type="submit" class="primary" disabled={isBusy}>
              {mediaTexts.makeClip}
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              {mediaTexts.cancel}
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}

function isoTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
