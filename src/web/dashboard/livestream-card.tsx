import { useState } from 'preact/hooks';
import type { CurrentUser } from '../account/account.js';
import { type ApiResult, callApi, type Stream } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { Badge } from '../pages/badge.js';
import type { Badge as BadgeData } from '../pages/playback-state.js';
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
  const action = useAction();
  const { csrfToken } = currentUser;
  const params = { streamId: stream.id };
  const hasEnded = stream.endedForGood && stream.state.name === 'offline';

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
        {stream.state.name !== 'offline' && <span class="viewers">{stream.viewers.total} watching</span>}
      </header>
      {stream.notices.map(({ topic, message }) => (
        <p key={topic} class="health">
          {message}
        </p>
      ))}
      <p class="faint">{summaryOf(stream)}</p>
      <div class="actions">
        <a class="button" href={`/watch/${encodeURIComponent(stream.id)}`}>
          Watch
        </a>
        {!hasEnded && (
          <a class="button" href={`/studio/${encodeURIComponent(stream.id)}`}>
            Studio
          </a>
        )}
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'Less' : 'Manage'}
        </button>
      </div>
      {open && (
        <>
          {editing ? (
            <LivestreamForm
              stream={stream}
              submitText="Save"
              onCancel={() => setEditing(false)}
              action={action}
              onSubmit={async (body) => {
                if (await act(callApi('PATCH /api/livestream/:streamId', { params, body, csrfToken })))
                  setEditing(false);
              }}
            />
          ) : (
            <div class="actions">
              <button type="button" onClick={() => setEditing(true)}>
                Edit
              </button>
              {!hasEnded && (
                <ConfirmButton
                  question="End this livestream? Its stream keys end with it."
                  onConfirm={() =>
                    void act(callApi('POST /api/livestream/:streamId/end', { params, body: {}, csrfToken }))
                  }
                >
                  End
                </ConfirmButton>
              )}
              <ConfirmButton
                question="Delete this livestream with its chat and recordings?"
                onConfirm={() => void act(callApi('DELETE /api/livestream/:streamId', { params, csrfToken }))}
              >
                Delete
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
  if (testing && state.name !== 'offline') return { tone: 'busy', text: 'Private test' };
  switch (state.name) {
    case 'live':
      return { tone: 'live', text: 'Live' };
    case 'starting':
      return { tone: 'busy', text: 'Starting' };
    case 'reconnecting':
      return { tone: 'busy', text: 'Waiting' };
    case 'ending':
      return { tone: 'quiet', text: 'Ending' };
    case 'offline':
      return { tone: 'quiet', text: status === 'ended' ? 'Ended' : 'Not live' };
  }
}

function summaryOf({ scheduledAt, endedAt, createdAt, state }: Stream): string {
  if (state.name === 'offline' && endedAt) return `Last broadcast ended ${timeText(endedAt)}`;
  if (state.name === 'offline' && scheduledAt) return `Planned for ${timeText(scheduledAt)}`;
  return `Created ${timeText(createdAt)}`;
}
