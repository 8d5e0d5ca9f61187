import { useState } from 'preact/hooks';
import type { StreamKeyInfo, StreamKeyResponse } from '../../api/contract.js';
import type { CurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { CopyField } from '../forms/copy-field.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { formsTexts } from '../texts/forms.js';
import { livestreamTexts } from '../texts/livestream.js';

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
      <h3>{formsTexts.streamKey}</h3>
      {minted ? (
        <>
          <CopyField label={formsTexts.server} value={minted.ingest.rtmp.server} />
          <CopyField label={formsTexts.streamKey} value={minted.streamKey} isSecret />
          {minted.ingest.whip && (
            <CopyField label={livestreamTexts.whipServer} value={minted.ingest.whip.server} />
          )}
          <p class="faint">{livestreamTexts.keyShownNow}</p>
        </>
      ) : (
        <ConfirmButton question={livestreamTexts.replaceKey} onConfirm={() => void rotate()}>
          {livestreamTexts.newStreamKey}
        </ConfirmButton>
      )}
      <details onToggle={(event) => event.currentTarget.open && void load()}>
        <summary>{livestreamTexts.allKeys}</summary>
        <ul class="entries">
          {keys?.map(({ id, label, status, protocols, createdAt, lastUsedAt, expiresAt }) => (
            <li key={id}>
              <span>
                {label || formsTexts.streamKey}{' '}
                <span class="faint">
                  · {livestreamTexts.keyStatus[status]}
                  {protocols && ` · ${livestreamTexts.onlyBy(protocols.join(', ').toUpperCase())}`} ·{' '}
                  {livestreamTexts.keyMade(timeText(createdAt))}
                  {lastUsedAt && ` · ${livestreamTexts.keyUsed(timeText(lastUsedAt))}`}
                  {expiresAt && ` · ${livestreamTexts.keyEnds(timeText(expiresAt))}`}
                </span>
              </span>
              {(status === 'active' || status === 'replaced') && (
                <ConfirmButton question={livestreamTexts.revokeKey} onConfirm={() => void revoke(id)}>
                  {livestreamTexts.revoke}
                </ConfirmButton>
              )}
            </li>
          ))}
        </ul>
      </details>
      <ErrorText>{isMissing ? livestreamTexts.noActiveKey : error}</ErrorText>
    </section>
  );
}
