import { useEffect, useState } from 'preact/hooks';
import type { OwnRecordingsResponse } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { sizeText } from '../forms/format.js';

/** Storage that the recordings, clips and videos of the account take. */
export function StorageUsed() {
  const [storage, setStorage] = useState<OwnRecordingsResponse['storage']>();

  useEffect(() => {
    const closing = new AbortController();
    void callApi('GET /api/recordings', { query: { limit: '1' }, signal: closing.signal }).then(
      (answer) => answer.kind === 'ok' && setStorage(answer.value.storage),
    );
    return () => closing.abort();
  }, []);

  if (!storage) return null;
  const { recordings, clips, videos, sizeBytes, quotaBytes } = storage;
  const parts = [counted(recordings, 'recording'), counted(clips, 'clip'), counted(videos, 'video')];
  return (
    <p class="faint">
      Storage used: {sizeText(sizeBytes)}
      {quotaBytes > 0 && ` of ${sizeText(quotaBytes)}`} by {parts.join(', ')}
      {quotaBytes > 0 && <meter aria-label="Storage used" value={sizeBytes} max={quotaBytes} />}
    </p>
  );
}

function counted(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
