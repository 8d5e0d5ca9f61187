import { useEffect, useState } from 'preact/hooks';
import type { AuditEntryView } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { useNames } from '../forms/use-names.js';
import { adminTexts } from '../texts/admin.js';
import { formsTexts } from '../texts/forms.js';

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
      <h2 id="audit">{adminTexts.whoChanged}</h2>
      <div class="actions">
        <button type="button" disabled={isBusy} onClick={() => void load([])}>
          {formsTexts.refresh}
        </button>
      </div>
      {entries.length === 0 && !isBusy && <p class="faint">{adminTexts.nothingYet}</p>}
      <ul class="entries">
        {entries.map(({ id, at, actor, action, target, details, address }) => (
          <li key={id}>
            <span>
              <strong>{actorText(actor)}</strong> {adminTexts.actions[action] ?? action}
              {detailsText(target, details, names)}
              <br />
              <span class="faint">
                {timeText(at)}
                {address !== '' && ` · ${adminTexts.from(address)}`}
              </span>
            </span>
          </li>
        ))}
      </ul>
      {hasMore && (
        <button type="button" disabled={isBusy} onClick={() => void load(entries)}>
          {adminTexts.showOlder}
        </button>
      )}
      <ErrorText>{error}</ErrorText>
    </section>
  );
}

function actorText({ kind, id, name }: AuditEntryView['actor']): string {
  if (kind === 'operator') return adminTexts.operatorToken;
  return name ?? (id?.startsWith('deleted:') ? adminTexts.deletedAccount : (id ?? ''));
}

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
