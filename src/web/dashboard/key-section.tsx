import { useState } from 'preact/hooks';
import type { StreamKeyInfo, StreamKeyResponse } from '../../api/contract.js';
import type { CurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { CopyField } from '../forms/copy-field.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';

type KeySectionProps = { currentUser: CurrentUser; streamId: string };

/** Replaces the stream key: its secret is not stored, so that it cannot be shown again. */
export function KeySection({ currentUser: { csrfToken }, streamId }: KeySectionProps) {
  const [minted, setMinted] = useState<StreamKeyResponse>();
  const [isMissing, setIsMissing] = useState(false);
  const [keys, setKeys] = useState<StreamKeyInfo[]>();
  const { error, run } = useAction();

  const load = async (): Promise<void> => {
    const listed = await run(callApi('GET /api/livestream/:streamId/keys', { params: { streamId } }));
    if (listed) setKeys(listed.keys);
  };
  const revoke = async (keyId: string): Promise<void> => {
    const call = callApi('DELETE /api/livestream/:streamId/keys/:keyId', {
      ...{ params: { streamId, keyId }, csrfToken },
    });
    if (await run(call)) await load();
  };
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
    if (keys) await load();
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
      <details onToggle={(event) => event.currentTarget.open && void load()}>
        <summary>All keys</summary>
        <ul class="entries">
          {keys?.map(({ id, label, status, protocols, createdAt, lastUsedAt, expiresAt }) => (
            <li key={id}>
              <span>
                {label || 'Stream key'}{' '}
                <span class="faint">
                  · {status}
                  {protocols && ` · ${protocols.join(', ').toUpperCase()} only`} · made {timeText(createdAt)}
                  {lastUsedAt && ` · last used ${timeText(lastUsedAt)}`}
                  {expiresAt && ` · ends ${timeText(expiresAt)}`}
                </span>
              </span>
              {(status === 'active' || status === 'replaced') && (
                <ConfirmButton
                  question="Revoke this key? A broadcast with it ends at once."
                  onConfirm={() => void revoke(id)}
                >
                  Revoke
                </ConfirmButton>
              )}
            </li>
          ))}
        </ul>
      </details>
      <ErrorText>{isMissing ? 'This livestream has no active stream key.' : error}</ErrorText>
    </section>
  );
}
