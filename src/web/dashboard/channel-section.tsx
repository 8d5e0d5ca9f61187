import { useEffect, useState } from 'preact/hooks';
import type { CurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { channelPath } from '../cards/media-card.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';

type ChannelSectionProps = { currentUser: CurrentUser; name: string };

/** Link to the page of the channel, and the text on it. */
export function ChannelSection({ currentUser, name }: ChannelSectionProps) {
  const [description, setDescription] = useState<string>();
  const [saved, setSaved] = useState(false);
  const action = useAction();

  useEffect(() => {
    void callApi('GET /api/channel', {}).then((answer) => {
      if (answer.kind === 'ok') setDescription(answer.value.channel.description);
    });
  }, []);

  // Accounts that may not broadcast have no channel.
  if (description === undefined) return null;
  const save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const body = { description: String(fields.get('channelDescription')) };
    const answer = await action.run(
      callApi('PATCH /api/channel', { body, csrfToken: currentUser.csrfToken }),
    );
    setSaved(answer !== undefined);
  };
  return (
    <section class="channel-settings" aria-labelledby="channel">
      <h2 id="channel">Channel</h2>
      <form class="card" onSubmit={(event) => void save(event)}>
        <label>
          About the channel
          <textarea
            name="channelDescription"
            maxLength={1_000}
            rows={3}
            defaultValue={description}
            onInput={() => setSaved(false)}
          />
        </label>
        <ErrorText>{action.error}</ErrorText>
        <div class="actions">
          <button type="submit" class="primary" disabled={action.isBusy}>
            Save the text
          </button>
          <a class="button" href={channelPath(name)}>
            Page of the channel
          </a>
          <span role="status">{saved ? 'Saved.' : ''}</span>
        </div>
      </form>
    </section>
  );
}
