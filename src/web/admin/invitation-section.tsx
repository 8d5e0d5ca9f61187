import { useEffect, useState } from 'preact/hooks';
import type { InvitationRequest, InvitationView } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { CopyField } from '../forms/copy-field.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { adminTexts } from '../texts/admin.js';

/** Invitations to register; for administrators. */
export function InvitationSection({ csrfToken }: { csrfToken: string | null }) {
  const [invitations, setInvitations] = useState<InvitationView[]>([]);
  const [link, setLink] = useState<string>();
  const { isBusy, error, run } = useAction();

  const load = async (): Promise<void> => {
    const listed = await run(callApi('GET /api/auth/invitations', {}));
    if (listed) setInvitations(listed.invitations.filter(({ usedAt }) => usedAt === null));
  };
  useEffect(() => void load(), []);
  const create = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const role = new FormData(event.currentTarget as HTMLFormElement).get(
      'role',
    ) as InvitationRequest['role'];
    const created = await run(
      callApi('POST /api/auth/invitations', { body: role ? { role } : {}, csrfToken }),
    );
    if (!created) return;
    setLink(new URL(`/setup#${created.code}`, location.href).href);
    await load();
  };
  const revoke = async (id: string): Promise<void> => {
    if (await run(callApi('DELETE /api/auth/invitations/:id', { params: { id }, csrfToken }))) await load();
  };

  return (
    <section class="card" aria-labelledby="invitations">
      <h2 id="invitations">{adminTexts.invitePeople}</h2>
      <form class="row" onSubmit={(event) => void create(event)}>
        <label>
          {adminTexts.theyMay}
          <select name="role">
            <option value="broadcaster">{adminTexts.mayBroadcast}</option>
            <option value="viewer">{adminTexts.mayWatch}</option>
            <option value="admin">{adminTexts.mayAdminister}</option>
          </select>
        </label>
        <button type="submit" class="primary" disabled={isBusy}>
          {adminTexts.createLink}
        </button>
      </form>
      {link && (
        <>
          <CopyField label={adminTexts.linkForOne} value={link} />
          <p class="faint">{adminTexts.linkShownNow}</p>
        </>
      )}
      <ul class="entries">
        {invitations.map(({ id, role, expiresAt }) => (
          <li key={id}>
            <span>
              {adminTexts.roles[role]} <span class="faint">· {adminTexts.until(timeText(expiresAt))}</span>
            </span>
            <button type="button" disabled={isBusy} onClick={() => void revoke(id)}>
              {adminTexts.revoke}
            </button>
          </li>
        ))}
      </ul>
      <ErrorText>{error}</ErrorText>
    </section>
  );
}
