import { useEffect, useRef, useState } from 'preact/hooks';
import type { CreateResponse } from '../../api/contract.js';
import { type CurrentUser, isStillSignedIn } from '../account/account.js';
import { SignedIn } from '../account/signed-in.js';
import { callApi, fetchStreamsOf, type Stream } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { ChannelSection } from '../dashboard/channel-section.js';
import { ClipSection } from '../dashboard/clip-section.js';
import { LivestreamCard } from '../dashboard/livestream-card.js';
import { LivestreamForm } from '../dashboard/livestream-form.js';
import { StorageSection } from '../dashboard/storage-section.js';
import { VideoSection } from '../dashboard/video-section.js';
import { useFocusBack } from '../forms/focus.js';
import { useAction } from '../forms/use-action.js';
import { PublishStep } from '../setup/publish-step.js';
import { dashboardTexts } from '../texts/dashboard.js';
import { formsTexts } from '../texts/forms.js';

/** Page on which users manage their livestreams. */
export function DashboardPage() {
  useEffect(() => {
    document.title = `${dashboardTexts.dashboard} · Headend`;
  }, []);

  return (
    <main class="dashboard">
      <h1>{dashboardTexts.yourLivestreams}</h1>
      <SignedIn invitation={dashboardTexts.signInToManage}>
        {(currentUser) => (
          <>
            <Livestreams currentUser={currentUser} userId={currentUser.user.id} />
            <ClipSection currentUser={currentUser} userId={currentUser.user.id} />
            <VideoSection currentUser={currentUser} />
            <div class="choices">
              {currentUser.user.role !== 'viewer' && (
                <ChannelSection currentUser={currentUser} name={currentUser.user.name} />
              )}
              <StorageSection />
            </div>
          </>
        )}
      </SignedIn>
    </main>
  );
}

function Livestreams({ currentUser, userId }: { currentUser: CurrentUser; userId: string }) {
  const [streams, setStreams] = useState<Stream[]>();
  const [reachable, setReachable] = useState(true);
  const [creating, setCreating] = useState(false);
  const opener = useFocusBack<HTMLButtonElement>(creating);
  const [created, setCreated] = useState<CreateResponse>();
  const action = useAction();
  const poll = useRef<Poll<{ streams: Stream[] }>>(undefined);
  const shown = useRef<readonly Stream[]>([]);
  const order = useRef<readonly string[]>([]);

  /** Those that are not public are missing for who is signed out: they stay, with what is entered in their forms. */
  const show = async (listed: Stream[]): Promise<void> => {
    const isComplete = shown.current.every(({ id }) => has(listed, id));
    if (!isComplete && !(await isStillSignedIn())) return;
    shown.current = listed;
    // Sorted anew only when one is added or deleted: a card that moves would lose the focus of its form.
    const isSameSet = listed.length === order.current.length && order.current.every((id) => has(listed, id));
    if (!isSameSet) order.current = [...listed].sort((a, b) => rankOf(a) - rankOf(b)).map(({ id }) => id);
    setStreams([...listed].sort((a, b) => order.current.indexOf(a.id) - order.current.indexOf(b.id)));
  };
  useEffect(() => {
    const listing = new Poll({
      fetch: (signal) => fetchStreamsOf(userId, signal),
      onResult: (result) => {
        setReachable(result.kind === 'ok');
        if (result.kind === 'ok') void show(result.value.streams);
        return 'fast';
      },
    });
    poll.current = listing;
    listing.start();
    return () => listing.close();
  }, [userId]);

  return (
    <>
      <p role="status" aria-live="polite">
        {statusText(streams, reachable)}
      </p>
      {creating ? (
        <LivestreamForm
          submitText={dashboardTexts.createLivestream}
          onCancel={() => setCreating(false)}
          action={action}
          onSubmit={async ({ scheduledAt, ...fields }) => {
            const body = scheduledAt === null ? fields : { ...fields, scheduledAt };
            const { csrfToken } = currentUser;
            const answer = await action.run(callApi('POST /api/livestream/create', { body, csrfToken }));
            if (!answer) return;
            setCreating(false);
            setCreated(answer);
            poll.current?.fetchNow();
          }}
        />
      ) : (
        <button type="button" ref={opener} class="primary" onClick={() => setCreating(true)}>
          {dashboardTexts.newLivestream}
        </button>
      )}
      {created && <PublishStep key={created.streamId} created={created} />}
      <ul class="livestreams">
        {streams?.map((stream) => (
          <LivestreamCard
            key={stream.id}
            currentUser={currentUser}
            stream={stream}
            onChange={() => poll.current?.fetchNow()}
          />
        ))}
      </ul>
    </>
  );
}

function has(streams: readonly Stream[], streamId: string): boolean {
  return streams.some(({ id }) => id === streamId);
}

/** Returns the place of a livestream in the list: what is on air first, what has ended last. */
function rankOf({ state, status, scheduledAt }: Stream): number {
  if (state.name !== 'offline') return 0;
  if (status === 'ended') return 3;
  return scheduledAt === null ? 2 : 1;
}

function statusText(streams: Stream[] | undefined, reachable: boolean): string {
  if (!reachable) return formsTexts.unreachable;
  if (!streams) return formsTexts.loading;
  return streams.length === 0 ? dashboardTexts.noLivestreams : '';
}
