import { useEffect, useState } from 'preact/hooks';
import type { OwnRecordingsResponse } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { durationText, sizeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { dashboardTexts } from '../texts/dashboard.js';

/** Share of the quota from which it is said, and shown as full. */
const NEARLY_FULL = 0.9;

/** Storage that the recordings, clips and videos of the account take. */
export function StorageSection() {
  const [storage, setStorage] = useState<OwnRecordingsResponse['storage']>();
  const { error, run } = useAction();
  const load = async (): Promise<void> => {
    const answer = await run(callApi('GET /api/recordings', { query: { limit: '1' } }));
    setStorage(answer?.storage);
  };
  useEffect(() => void load(), []);

  return (
    <section class="card" aria-labelledby="storage">
      <h2 id="storage">{dashboardTexts.storage}</h2>
      <ErrorText>{error}</ErrorText>
      {storage && (
        <p>
          {sizeText(storage.sizeBytes)}
          {storage.quotaBytes > 0 && ` ${dashboardTexts.ofQuota(sizeText(storage.quotaBytes))}`}
          <span class="faint">
            {' '}
            · {dashboardTexts.recordings(storage.recordings)}, {dashboardTexts.clips(storage.clips)},{' '}
            {dashboardTexts.videos(storage.videos)} · {durationText(storage.durationS)}
          </span>
        </p>
      )}
      {storage && storage.quotaBytes > 0 && (
        <>
          <meter
            aria-labelledby="storage"
            min={0}
            max={storage.quotaBytes}
            high={storage.quotaBytes * NEARLY_FULL}
            optimum={0}
            value={storage.sizeBytes}
          />
          {storage.sizeBytes > storage.quotaBytes * NEARLY_FULL && (
            <p class="health">{dashboardTexts.nearlyFull}</p>
          )}
        </>
      )}
    </section>
  );
}
