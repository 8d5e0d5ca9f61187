import { useEffect, useState } from 'preact/hooks';
import type { CreateWebhookRequest, Webhook } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { CopyField } from '../forms/copy-field.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { adminTexts } from '../texts/admin.js';
import { formsTexts } from '../texts/forms.js';
import { DeliveryList } from './delivery-list.js';

type Event = CreateWebhookRequest['events'][number];

const EVENTS: Event[] = [
  ...(['broadcast.live', 'broadcast.reconnecting', 'broadcast.ended'] as const),
  ...(['recording.ready', 'viewers.peak'] as const),
];

/** Addresses of other servers that are told of events, with what was sent to them. */
export function WebhookSection({ csrfToken }: { csrfToken: string | null }) {
  const [webhooks, setWebhooks] = useState<Webhook[]>();
  const [secret, setSecret] = useState<string>();
  const [openId, setOpenId] = useState<string>();
  const { isBusy, error, run } = useAction();

  const load = async (): Promise<void> => {
    const listed = await run(callApi('GET /api/webhooks', {}));
    if (listed) setWebhooks(listed.webhooks);
  };
  useEffect(() => void load(), []);

  const create = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const body = { url: String(fields.get('url')), events: fields.getAll('event') as Event[] };
    const made = await run(callApi('POST /api/webhooks', { body, csrfToken }));
    if (!made) return;
    setSecret(made.secret);
    form.reset();
    await load();
  };
  const enable = async (webhookId: string, enabled: boolean): Promise<void> => {
    const call = callApi('PATCH /api/webhooks/:webhookId', {
      params: { webhookId },
      body: { enabled },
      csrfToken,
    });
    if (await run(call)) await load();
  };
  const remove = async (webhookId: string): Promise<void> => {
    const call = callApi('DELETE /api/webhooks/:webhookId', { params: { webhookId }, csrfToken });
    if (await run(call)) await load();
  };
  const test = async (webhookId: string): Promise<void> => {
    const call = callApi('POST /api/webhooks/:webhookId/test', { params: { webhookId }, csrfToken });
    if (await run(call)) setOpenId(webhookId);
  };

  return (
    <section class="card" aria-labelledby="webhooks">
      <h2 id="webhooks">{adminTexts.webhooks}</h2>
      <ul class="entries">
        {webhooks?.map(({ id, url, events, enabled }) => (
          <li key={id}>
            <span>
              {url}
              <br />
              <span class="faint">
                {events.join(', ')}
                {!enabled && ` · ${adminTexts.off}`}
              </span>
            </span>
            <button type="button" disabled={isBusy} onClick={() => void test(id)}>
              {adminTexts.test}
            </button>
            <button
              type="button"
              aria-expanded={openId === id}
              onClick={() => setOpenId(openId === id ? undefined : id)}
            >
              {adminTexts.deliveries}
            </button>
            <button type="button" disabled={isBusy} onClick={() => void enable(id, !enabled)}>
              {enabled ? formsTexts.switchOff : formsTexts.switchOn}
            </button>
            <ConfirmButton question={adminTexts.deleteWebhook} onConfirm={() => void remove(id)}>
              {formsTexts.delete}
            </ConfirmButton>
            {openId === id && <DeliveryList webhookId={id} csrfToken={csrfToken} />}
          </li>
        ))}
      </ul>
      {secret && (
        <>
          <CopyField label={adminTexts.secret} value={secret} isSecret />
          <p class="faint">{formsTexts.shownOnlyNow}</p>
        </>
      )}
      <details>
        <summary>{adminTexts.newWebhook}</summary>
        <form class="card" onSubmit={(event) => void create(event)}>
          <label>
            {adminTexts.address}
            <input name="url" type="url" required maxLength={2_000} placeholder="https://…" />
          </label>
          <fieldset class="people">
            <legend>{adminTexts.toldWhen}</legend>
            {EVENTS.map((event) => (
              <label key={event} class="tick">
                <input name="event" type="checkbox" value={event} defaultChecked={event !== 'viewers.peak'} />
                {adminTexts.events[event]}
              </label>
            ))}
          </fieldset>
          <button type="submit" class="primary" disabled={isBusy}>
            {adminTexts.createWebhook}
          </button>
        </form>
      </details>
      <ErrorText>{error}</ErrorText>
    </section>
  );
}
