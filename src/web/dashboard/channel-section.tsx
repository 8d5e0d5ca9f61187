import { useEffect, useState } from 'preact/hooks';
import type { Channel, StreamKeyResponse } from '../../api/contract.js';
import type { CurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { channelPath } from '../cards/media-card.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { CopyField } from '../forms/copy-field.js';
import { Disclosure } from '../forms/disclosure.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { dashboardTexts } from '../texts/dashboard.js';
import { formsTexts } from '../texts/forms.js';
import { RestreamSection } from './restream-section.js';

/** Channel of the account: its page, a key by which every broadcast is its own livestream, their defaults, restream targets. */
export function ChannelSection({ currentUser, name }: { currentUser: CurrentUser; name: string }) {
  const { csrfToken } = currentUser;
  const [channel, setChannel] = useState<Channel>();
  const [minted, setMinted] = useState<StreamKeyResponse>();
  const [isSaved, setIsSaved] = useState(false);
  const { isBusy, error, run } = useAction();

  const load = async (): Promise<void> => {
    const answer = await run(callApi('GET /api/channel', {}));
    setChannel(answer?.channel);
  };
  useEffect(() => void load(), []);

  const save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const body = {
      description: String(fields.get('channelDescription')),
      defaultTitle: String(fields.get('defaultTitle')),
      defaultDescription: String(fields.get('defaultDescription')),
      recordingEnabled: fields.has('recordingEnabled'),
    };
    const answer = await run(callApi('PATCH /api/channel', { body, csrfToken }));
    setIsSaved(answer !== undefined);
    if (answer) setChannel(answer.channel);
  };
  const mint = async (): Promise<void> => {
    setMinted(await run(callApi('POST /api/channel/key', { body: {}, csrfToken })));
    await load();
  };
  const hasKey = channel !== undefined && channel.key !== null;

  return (
    <section class="card" aria-labelledby="channel">
      <h2 id="channel">{dashboardTexts.channel}</h2>
      <p class="faint">{dashboardTexts.channelIntroduction}</p>
      {minted ? (
        <>
          <CopyField label={formsTexts.server} value={minted.ingest.rtmp.server} />
          <CopyField label={dashboardTexts.channelKey} value={minted.streamKey} isSecret />
          <p class="faint">{dashboardTexts.channelKeyShownNow}</p>
        </>
      ) : hasKey ? (
        <ConfirmButton question={dashboardTexts.replaceChannelKey} onConfirm={() => void mint()}>
          {dashboardTexts.newChannelKey}
        </ConfirmButton>
      ) : (
        <button type="button" disabled={isBusy || !channel} onClick={() => void mint()}>
          {dashboardTexts.createChannelKey}
        </button>
      )}
      <p>
        <a href={channelPath(name)}>{dashboardTexts.channelPage}</a>
      </p>
      {channel && (
        <Disclosure summary={dashboardTexts.channelSettings}>
          <form class="card" onSubmit={(event) => void save(event)} onInput={() => setIsSaved(false)}>
            <label>
              {dashboardTexts.aboutChannel}
              <textarea
                name="channelDescription"
                maxLength={1_000}
                rows={3}
                defaultValue={channel.description}
              />
            </label>
            <label>
              {dashboardTexts.defaultTitle}
              <input name="defaultTitle" required maxLength={200} defaultValue={channel.defaultTitle} />
            </label>
            <label>
              {dashboardTexts.defaultDescription}
              <textarea
                name="defaultDescription"
                maxLength={5_000}
                rows={3}
                defaultValue={channel.defaultDescription}
              />
            </label>
            <label class="tick">
              <input name="recordingEnabled" type="checkbox" defaultChecked={channel.recordingEnabled} />
              {dashboardTexts.recordBroadcasts}
            </label>
            <button type="submit" class="primary" disabled={isBusy}>
              {dashboardTexts.saveChannel}
            </button>
            <p role="status">{isSaved ? dashboardTexts.saved : ''}</p>
          </form>
        </Disclosure>
      )}
      <Disclosure summary={dashboardTexts.sendEverywhere}>
        <RestreamSection currentUser={currentUser} />
      </Disclosure>
      <ErrorText>{error}</ErrorText>
    </section>
  );
}
