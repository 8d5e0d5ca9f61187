import { useEffect, useState } from 'preact/hooks';
import { type ApiResult, callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { useNames } from '../forms/use-names.js';
import { livestreamTexts } from '../texts/livestream.js';

type Person = { userId: string; note?: string };
type PeopleProps = { streamId: string; csrfToken: string | null };

/** Moderators, bans and invitations of a livestream. */
export function PeopleSection({ streamId, csrfToken }: PeopleProps) {
  const params = { streamId };
  return (
    <section>
      <h3>{livestreamTexts.people}</h3>
      <People
        title={livestreamTexts.moderators}
        empty={livestreamTexts.noModerators}
        addText={livestreamTexts.appoint}
        removeText={livestreamTexts.dismiss}
        list={async () => {
          const result = await callApi('GET /api/livestream/:streamId/chat/moderators', { params });
          return result.kind === 'ok' ? { ...result, value: result.value.moderators } : result;
        }}
        add={(userId) =>
          callApi('PUT /api/livestream/:streamId/chat/moderators/:userId', {
            ...{ params: { streamId, userId }, csrfToken },
          })
        }
        remove={(userId) =>
          callApi('DELETE /api/livestream/:streamId/chat/moderators/:userId', {
            ...{ params: { streamId, userId }, csrfToken },
          })
        }
      />
      <People
        title={livestreamTexts.invited}
        empty={livestreamTexts.noInvited}
        addText={livestreamTexts.invite}
        removeText={livestreamTexts.remove}
        list={async () => {
          const result = await callApi('GET /api/livestream/:streamId/guests', { params });
          return result.kind === 'ok' ? { ...result, value: result.value.guests } : result;
        }}
        add={(userId) =>
          callApi('PUT /api/livestream/:streamId/guests/:userId', {
            ...{ params: { streamId, userId }, csrfToken },
          })
        }
        remove={(userId) =>
          callApi('DELETE /api/livestream/:streamId/guests/:userId', {
            ...{ params: { streamId, userId }, csrfToken },
          })
        }
      />
      <People
        title={livestreamTexts.banned}
        empty={livestreamTexts.nobody}
        addText={livestreamTexts.ban}
        removeText={livestreamTexts.liftBan}
        list={async () => {
          const result = await callApi('GET /api/livestream/:streamId/chat/bans', { params });
          if (result.kind !== 'ok') return result;
          const value = result.value.bans.map(({ userId, reason, until }) => ({
            userId,
            note: [reason, until === null ? livestreamTexts.forGood : livestreamTexts.until(timeText(until))]
              .filter(Boolean)
              .join(' · '),
          }));
          return { ...result, value };
        }}
        add={(userId) =>
          callApi('POST /api/livestream/:streamId/chat/bans', { params, body: { userId }, csrfToken })
        }
        remove={(userId) =>
          callApi('DELETE /api/livestream/:streamId/chat/bans/:userId', {
            ...{ params: { streamId, userId }, csrfToken },
          })
        }
      />
    </section>
  );
}

type PeopleListProps = {
  title: string;
  empty: string;
  addText: string;
  removeText: string;
  list(): Promise<ApiResult<Person[]>>;
  add(userId: string): Promise<ApiResult<unknown>>;
  remove(userId: string): Promise<ApiResult<unknown>>;
};

/** People whose list can be changed, by their names. */
function People({ title, empty, addText, removeText, list, add, remove }: PeopleListProps) {
  const [people, setPeople] = useState<Person[]>();
  const [isUnknown, setIsUnknown] = useState(false);
  const { isBusy, error, run } = useAction();
  const names = useNames(people?.map(({ userId }) => userId) ?? []);

  const load = async (): Promise<void> => {
    const listed = await run(list());
    if (listed) setPeople(listed);
  };
  useEffect(() => void load(), []);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const name = String(new FormData(form).get('name')).trim();
    const found = await run(callApi('GET /api/auth/users', { query: { name } }));
    if (!found) return;
    const [user] = found.users;
    setIsUnknown(user === undefined);
    if (!user || !(await run(add(user.id)))) return;
    form.reset();
    await load();
  };
  const drop = async (userId: string): Promise<void> => {
    if (await run(remove(userId))) await load();
  };

  return (
    <fieldset class="people">
      <legend>{title}</legend>
      {people?.length === 0 && <p class="faint">{empty}</p>}
      <ul class="entries">
        {people?.map(({ userId, note }) => (
          <li key={userId}>
            <span>
              {names.get(userId) ?? userId} {note && <span class="faint">· {note}</span>}
            </span>
            <button
              type="button"
              disabled={isBusy}
              aria-label={`${removeText}: ${names.get(userId) ?? userId}`}
              onClick={() => void drop(userId)}
            >
              {removeText}
            </button>
          </li>
        ))}
      </ul>
      <form class="row" onSubmit={(event) => void submit(event)}>
        <label>
          {livestreamTexts.name}
          <input name="name" required maxLength={100} autocomplete="off" />
        </label>
        <button type="submit" disabled={isBusy} aria-label={`${addText}: ${title}`}>
          {addText}
        </button>
      </form>
      <ErrorText>{isUnknown ? livestreamTexts.noAccount : error}</ErrorText>
    </fieldset>
  );
}
