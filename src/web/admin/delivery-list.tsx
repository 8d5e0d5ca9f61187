import { useEffect, useState } from 'preact/hooks';
import type { WebhookDelivery } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { adminTexts } from '../texts/admin.js';

const PAGE_LENGTH = 20;
/** Interval at which pending deliveries are read again, ms. */
const REFRESH_MS = 2_000;

/** Messages sent to a webhook, newest first, with the answers. */
export function DeliveryList({ webhookId, csrfToken }: { webhookId: string; csrfToken: string | null }) {
  const [deliveries, setDeliveries] = useState<WebhookDelivery[]>();
  const { isBusy, error, run } = useAction();

  const fetchDeliveries = () =>
    callApi('GET /api/webhooks/:webhookId/deliveries', {
      ...{ params: { webhookId }, query: { limit: String(PAGE_LENGTH) } },
    });
  const load = async (): Promise<void> => {
    const listed = await run(fetchDeliveries());
    if (listed) setDeliveries(listed.deliveries);
  };
  useEffect(() => {
    void load();
    const timer = setInterval(() => {
      if (document.visibilityState !== 'visible') return;
      void fetchDeliveries().then((result) => result.kind === 'ok' && setDeliveries(result.value.deliveries));
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [webhookId]);
  const replay = async (deliveryId: string): Promise<void> => {
    const call = callApi('POST /api/webhooks/deliveries/:deliveryId/replay', {
      params: { deliveryId },
      csrfToken,
    });
    if (await run(call)) await load();
  };

  return (
    <div class="deliveries">
      {deliveries?.length === 0 && <p class="faint">{adminTexts.nothingSent}</p>}
      <ul class="entries">
        {deliveries?.map(({ id, event, status, attempts, responseStatus, error: failure, createdAt }) => (
          <li key={id}>
            <span>
              {event}{' '}
              <span class="faint">
                · {timeText(createdAt)} · {adminTexts.deliveryStatus[status] ?? status},{' '}
                {adminTexts.attempts(attempts)}
                {responseStatus !== null && ` · ${adminTexts.answered(responseStatus)}`}
                {failure && ` · ${failure}`}
              </span>
            </span>
            {status !== 'pending' && (
              <button type="button" disabled={isBusy} onClick={() => void replay(id)}>
                {adminTexts.sendAgain}
              </button>
            )}
          </li>
        ))}
      </ul>
      <ErrorText>{error}</ErrorText>
    </div>
  );
}
