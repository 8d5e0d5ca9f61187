import { useEffect, useState } from 'preact/hooks';
import type { RestreamTarget } from '../../api/contract.js';
import type { CurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { number } from '../locale/format.js';
import { targetMessage } from '../locale/target-messages.js';
import { formsTexts } from '../texts/forms.js';
import { livestreamTexts } from '../texts/livestream.js';

type RestreamSectionProps = {
  currentUser: CurrentUser;
  /** Missing: targets of the account, for all its livestreams. */
  streamId?: string;
};

/** Interval at which the statuses are read again, ms. */
const REFRESH_MS = 3_000;

/** Other platforms to which a livestream is sent, with their status. */
export function RestreamSection({ currentUser: { csrfToken }, streamId }: RestreamSectionProps) {
  const [targets, setTargets] = useState<RestreamTarget[]>();
  const { isBusy, error, run } = useAction();

  const fetchTargets = () =>
    streamId === undefined
      ? callApi('GET /api/channel/restream-targets', {})
      : callApi('GET /api/livestream/:streamId/restream-targets', { params: { streamId } });
  const load = async (): Promise<void> => {
    const listed = await run(fetchTargets());
    if (listed) setTargets(listed.targets);
  };
  useEffect(() => {
    void load();
    // Not by `run`: it would delete the message of a failed action.
    const timer = setInterval(() => {
      if (document.visibilityState !== 'visible') return;
      void fetchTargets().then((result) => result.kind === 'ok' && setTargets(result.value.targets));
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [streamId]);

  const add = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const key = String(fields.get('key'));
    const body = {
      name: String(fields.get('name')),
      url: String(fields.get('url')),
      ...(key === '' ? {} : { key }),
    };
    const call =
      streamId === undefined
        ? callApi('POST /api/channel/restream-targets', { body, csrfToken })
        : callApi('POST /api/livestream/:streamId/restream-targets', {
            ...{ params: { streamId }, body, csrfToken },
          });
    if (!(await run(call))) return;
    form.reset();
    await load();
  };
  const enable = async (targetId: string, enabled: boolean): Promise<void> => {
    const change = { body: { enabled }, csrfToken };
    const call =
      streamId === undefined
        ? callApi('PATCH /api/channel/restream-targets/:targetId', { params: { targetId }, ...change })
        : callApi('PATCH /api/livestream/:streamId/restream-targets/:targetId', {
            ...{ params: { streamId, targetId }, ...change },
          });
    if (await run(call)) await load();
  };
  const remove = async (targetId: string): Promise<void> => {
    const call =
      streamId === undefined
        ? callApi('DELETE /api/channel/restream-targets/:targetId', { params: { targetId }, csrfToken })
        : callApi('DELETE /api/livestream/:streamId/restream-targets/:targetId', {
            ...{ params: { streamId, targetId }, csrfToken },
          });
    if (await run(call)) await load();
  };

  return (
    <section>
      <h3>{livestreamTexts.sendOn}</h3>
      <ul class="entries">
        {targets?.map((target) => (
          <li key={target.id}>
            <span>
              <strong>{target.name}</strong> <span class="faint">{target.url}</span>
              <br />
              <span>{statusText(target)}</span>
            </span>
            {(target.scope === 'livestream' || streamId === undefined) && (
              <>
                <button
                  type="button"
                  disabled={isBusy}
                  onClick={() => void enable(target.id, !target.enabled)}
                >
                  {target.enabled ? formsTexts.switchOff : formsTexts.switchOn}
                </button>
                <ConfirmButton
                  question={livestreamTexts.deleteTarget(target.name)}
                  onConfirm={() => void remove(target.id)}
                >
                  {formsTexts.delete}
                </ConfirmButton>
              </>
            )}
          </li>
        ))}
      </ul>
      <form class="row" autocomplete="off" onSubmit={(event) => void add(event)}>
        <label>
          {livestreamTexts.platform}
          <input name="name" required maxLength={100} />
        </label>
        <label>
          {livestreamTexts.address}
          <input name="url" required maxLength={1_000} placeholder="rtmps://…" />
        </label>
        <label>
          {livestreamTexts.platformKey}
          <input name="key" type="password" maxLength={500} autocomplete="off" />
        </label>
        <button type="submit" disabled={isBusy}>
          {livestreamTexts.add}
        </button>
      </form>
      <ErrorText>{error}</ErrorText>
    </section>
  );
}

function statusText({ enabled, scope, status }: RestreamTarget): string {
  const { state, bitrateBps } = status;
  const owner = scope === 'account' ? ` ${livestreamTexts.forAllLivestreams}` : '';
  if (!enabled) return `${livestreamTexts.off}${owner}`;
  switch (state) {
    case 'live':
      return `${livestreamTexts.live}${bitrateBps === null ? '' : `, ${number(bitrateBps / 1e6, 1)} Mbit/s`}${owner}`;
    case 'connecting':
      return `${livestreamTexts.connecting}${owner}`;
    case 'failing':
      return `${livestreamTexts.tryingAgain(targetMessage(status) ?? livestreamTexts.fails)}${owner}`;
    case 'idle':
      return `${livestreamTexts.waitsForBroadcast}${owner}`;
  }
}
