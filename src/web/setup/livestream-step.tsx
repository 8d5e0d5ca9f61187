import type { CreateResponse } from '../../api/contract.js';
import type { CurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useFocusHere } from '../forms/focus.js';
import { useAction } from '../forms/use-action.js';
import { setupTexts } from '../texts/setup.js';

type LivestreamStepProps = { currentUser: CurrentUser; onDone: (created: CreateResponse) => void };

/** Creates a livestream. */
export function LivestreamStep({ currentUser: { csrfToken }, onDone }: LivestreamStepProps) {
  const { isBusy, error, run } = useAction();
  const firstField = useFocusHere<HTMLInputElement>();

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const body = { title: String(fields.get('title')) };
    const created = await run(callApi('POST /api/livestream/create', { body, csrfToken }));
    if (created) onDone(created);
  };

  return (
    <form class="card" onSubmit={(event) => void submit(event)}>
      <label>
        {setupTexts.firstTitle}
        <input ref={firstField} name="title" required maxLength={200} value={setupTexts.myFirstLivestream} />
      </label>
      <ErrorText>{error}</ErrorText>
      <button type="submit" class="primary" disabled={isBusy}>
        {setupTexts.createLivestream}
      </button>
    </form>
  );
}
