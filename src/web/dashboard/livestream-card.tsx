import { useEffect, useState } from 'preact/hooks';
import type { CurrentUser } from '../account/account.js';
import { type ApiResult, callApi, type Stream } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { useFocusBack } from '../forms/focus.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { translatedNotices } from '../locale/finding-messages.js';
import { Badge } from '../pages/badge.js';
import type { Badge as BadgeData } from '../pages/playback-state.js';
import { formsTexts } from '../texts/forms.js';
import { livestreamTexts } from '../texts/livestream.js';
import { AnalyticsSection } from './analytics-section.js';
import { KeySection } from './key-section.js';
import { LivestreamForm } from './livestream-form.js';
import { PeopleSection } from './people-section.js';
import { QualitySection } from './quality-section.js';
import { RecordingSection } from './recording-section.js';
import { RestreamSection } from './restream-section.js';

type LivestreamCardProps = { currentUser: CurrentUser; stream: Stream; onChange: () => void };

/** A livestream of the user, with everything that can be done with it. */
export function LivestreamCard({ currentUser, stream, onChange }: LivestreamCardProps) {
  const [open, setOpen] = useState(false);
  const [editing, setEditing] = useState(false);
  const opener = useFocusBack<HTMLButtonElement>(editing);
  const [notices, setNotices] = useState(stream.notices);
  const action = useAction();
  const { csrfToken } = currentUser;
  const params = { streamId: stream.id };
  const hasEnded = stream.endedForGood && stream.state.name === 'offline';

  const written = JSON.stringify(stream.notices);
  useEffect(() => {
    let isCurrent = true;
    void translatedNotices(stream.notices).then((translated) => isCurrent && setNotices(translated));
    return () => {
      isCurrent = false;
    };
  }, [written]);

  const act = async <T,>(call: Promise<ApiResult<T>>): Promise<T | undefined> => {
    const answer = await action.run(call);
    onChange();
    return answer;
  };

  return (
    <li class="card">
      <header class="about">
        <h2>{stream.title}</h2>
        <Badge badge={badgeOf(stream)} />
        {stream.state.name !== 'offline' && (
          <span class="viewers">{livestreamTexts.watching(stream.viewers.total)}</span>
        )}
      </header>
      {notices.map(({ topic, message }) => (
        <p key={topic} class="health">
          {message}
        </p>
      ))}
      <p class="faint">{summaryOf(stream)}</p>
      <div class="actions">
        <a class="button" href={`/watch/${encodeURIComponent(stream.id)}`}>
          {livestreamTexts.watch}
        </a>
        {!hasEnded && (
          <a class="button" href={`/studio/${encodeURIComponent(stream.id)}`}>
            {livestreamTexts.studio}
          </a>
        )}
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? livestreamTexts.less : livestreamTexts.manage}
        </button>
      </div>
      {open && (
        <>
          {editing ? (
            <LivestreamForm
              stream={stream}
              submitText={formsTexts.save}
              onCancel={() => setEditing(false)}
              action={action}
              onSubmit={async (body) => {
                if (await act(callApi('PATCH /api/livestream/:streamId', { params, body, csrfToken })))
                  setEditing(false);
              }}
            />
          ) : (
            <div class="actions">
              <button type="button" ref={opener} onClick={() => setEditing(true)}>
                {formsTexts.edit}
              </button>
              {!hasEnded && (
                <ConfirmButton
                  question={livestreamTexts.endQuestion}
                  onConfirm={() =>
                    void act(callApi('POST /api/livestream/:streamId/end', { params, body: {}, csrfToken }))
                  }
                >
                  {livestreamTexts.end}
                </ConfirmButton>
              )}
              <ConfirmButton
                question={livestreamTexts.deleteQuestion}
                onConfirm={() => void act(callApi('DELETE /api/livestream/:streamId', { params, csrfToken }))}
              >
                {formsTexts.delete}
              </ConfirmButton>
            </div>
          )}
          <KeySection currentUser={currentUser} streamId={stream.id} />
          <RestreamSection currentUser={currentUser} streamId={stream.id} />
          <QualitySection streamId={stream.id} />
          <RecordingSection currentUser={currentUser} streamId={stream.id} />
          <AnalyticsSection streamId={stream.id} />
          <PeopleSection streamId={stream.id} csrfToken={csrfToken} />
        </>
      )}
      {!editing && <ErrorText>{action.error}</ErrorText>}
    </li>
  );
}

export function badgeOf({ state, status, testing }: Stream): BadgeData {
  if (testing && state.name !== 'offline') return { tone: 'busy', text: livestreamTexts.badgeTest };
  switch (state.name) {
    case 'live':
      return { tone: 'live', text: livestreamTexts.live };
    case 'starting':
      return { tone: 'busy', text: livestreamTexts.badgeStarting };
    case 'reconnecting':
      return { tone: 'busy', text: livestreamTexts.badgeWaiting };
    case 'ending':
      return { tone: 'quiet', text: livestreamTexts.badgeEnding };
    case 'offline':
      return {
        tone: 'quiet',
        text: status === 'ended' ? livestreamTexts.badgeEnded : livestreamTexts.badgeNotLive,
      };
  }
}

function summaryOf({ scheduledAt, endedAt, createdAt, state }: Stream): string {
  if (state.name === 'offline' && endedAt) return livestreamTexts.lastEnded(timeText(endedAt));
  if (state.name === 'offline' && scheduledAt) return livestreamTexts.plannedFor(timeText(scheduledAt));
  return livestreamTexts.createdAt(timeText(createdAt));
}
