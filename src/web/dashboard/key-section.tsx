import { useState } from 'preact/hooks';
import type { StreamKeyResponse } from '../../api/contract.js';
import type { CurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { CopyField } from '../forms/copy-field.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';

type KeySectionProps = { currentUser: CurrentUser; streamId: string };

/** Replaces the stream key: its secret is not stored, so that it cannot be shown again. */
export function KeySection({ currentUser: { csrfToken }, streamId }: KeySectionProps) {
  const [minted, setMinted] = useState<StreamKeyResponse>();
  const [isMissing, setIsMissing] = useState(false);
  const { error, run } = useAction();

  const rotate = async (): Promise<void> => {
    const listed = await run(callApi('GET /api/livestream/:streamId/keys', { params: { streamId } }));
    if (!listed) return;
    const key = listed.keys.find(({ status, protocols }) => status === 'active' && protocols === null);
    setIsMissing(!key);
    if (!key) return;
    const params = { streamId, keyId: key.id };
    const call = callApi('POST /api/livestream/:streamId/keys/:keyId/rotate', {
      params,
      body: {},
      csrfToken,
    });
    setMinted(await run(call));
  };

  return (
    <section>
      <h3>Stream key</h3>
      {minted ? (
        <>
          <CopyField label="Server" value={minted.ingest.rtmp.server} />
          <CopyField label="Stream key" value={minted.streamKey} isSecret />
          {minted.ingest.whip && <CopyField label="WHIP server" value={minted.ingest.whip.server} />}
          <p class="faint">The key is shown only now. The former key works for another hour.</p>
        </>
      ) : (
        <ConfirmButton
          question="Replace the stream key? The former one ends in an hour."
          onConfirm={() => void rotate()}
        >
          New stream key
        </ConfirmButton>
      )}
      <ErrorText>{isMissing ? 'This livestream has no active stream key.' : error}</ErrorText>
    </section>
  );
}
