import { useEffect, useState } from 'preact/hooks';
import type { AuditEntryView } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { useNames } from '../forms/use-names.js';

const PAGE_LENGTH = 20;

/** Changes by administrators and broadcasters, newest first. */
export function AuditSection() {
  const [entries, setEntries] = useState<AuditEntryView[]>([]);
  const [hasMore, setHasMore] = useState(false);
  const { isBusy, error, run } = useAction();
  const names = useNames(entries.flatMap(({ target, details }) => idsIn(target, details)));

  const load = async (known: AuditEntryView[]): Promise<void> => {
    const before = known.at(-1)?.id;
    const query = { limit: String(PAGE_LENGTH), ...(before === undefined ? {} : { before }) };
    const listed = await run(callApi('GET /api/admin/audit', { query }));
    if (!listed) return;
    setEntries([...known, ...listed.entries]);
    setHasMore(listed.entries.length === PAGE_LENGTH);
  };
  useEffect(() => void load([]), []);

  return (
    <section class="card" aria-labelledby="audit">
      <h2 id="audit">Who changed what</h2>
      <div class="actions">
        <button type="button" disabled={isBusy} onClick={() => void load([])}>
          Refresh
        </button>
      </div>
      {entries.length === 0 && !isBusy && <p class="faint">Nothing yet.</p>}
      <ul class="entries">
        {entries.map(({ id, at, actor, action, target, details, address }) => (
          <li key={id}>
            <span>
              <strong>{actor.kind === 'operator' ? 'The operator token' : (actor.name ?? actor.id)}</strong>{' '}
              {ACTION_TEXTS[action] ?? action}
              {detailsText(target, details, names)}
              <br />
              <span class="faint">
                {timeText(at)} · from {address}
              </span>
            </span>
          </li>
        ))}
      </ul>
      {hasMore && (
        <button type="button" disabled={isBusy} onClick={() => void load(entries)}>
          Show older ones
        </button>
      )}
      <ErrorText>{error}</ErrorText>
    </section>
  );
}

const ACTION_TEXTS: Record<string, string> = {
  'admin.sign-in': 'signed in as an administrator',
  'account.create': 'created an account',
  'account.change': 'changed an account',
  'account.delete': 'deleted an account',
  'account.delete-own': 'deleted the own account',
  'account.change-password': 'changed the own password',
  'token.create': 'created an access token',
  'token.delete': 'deleted an access token',
  'invitation.create': 'created an invitation',
  'invitation.revoke': 'revoked an invitation',
  'livestream.delete': 'deleted a livestream',
  'livestream.end': 'ended a livestream',
  'publisher.kick': 'disconnected a publisher',
  'recording.delete': 'deleted a recording',
  'clip.delete': 'deleted a clip',
  'video.delete': 'deleted a video',
  'ban.create': 'banned somebody from a chat',
  'ban.lift': 'lifted a ban',
  'messages.purge': 'deleted the messages of somebody',
  'moderator.appoint': 'appointed a moderator',
  'moderator.dismiss': 'dismissed a moderator',
  'stream-key.create': 'created a stream key',
  'stream-key.rotate': 'replaced a stream key',
  'stream-key.revoke': 'revoked a stream key',
  'channel-key.create': 'created a channel key',
  'channel-key.rotate': 'replaced a channel key',
  'channel-key.revoke': 'revoked a channel key',
  'webhook.create': 'created a webhook',
  'webhook.change': 'changed a webhook',
  'webhook.delete': 'deleted a webhook',
};

const UUID = /^[0-9a-f-]{36}$/;

function idsIn(target: AuditEntryView['target'], details: AuditEntryView['details']): string[] {
  return [target.id, target.userId, details?.userId].filter(
    (id): id is string => typeof id === 'string' && UUID.test(id),
  );
}

/** `: role broadcaster, streamId …`. */
function detailsText(
  target: AuditEntryView['target'],
  details: AuditEntryView['details'],
  names: ReadonlyMap<string, string>,
): string {
  const parts = [...Object.entries(target), ...Object.entries(details ?? {})].map(([name, value]) => {
    const known = names.get(String(value));
    return known === undefined ? `${name} ${value}` : known;
  });
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}
