import { useEffect, useState } from 'preact/hooks';
import type { Clip } from '../../api/contract.js';
import type { CurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { dashboardTexts } from '../texts/dashboard.js';
import { formsTexts } from '../texts/forms.js';
import { ClipEntry } from './clip-entry.js';

/** Interval at which clips that are being cut are read again, ms. */
const REFRESH_MS = 2_000;
const PAGE = 20;

/** Clips that the account made, and those of its livestreams, newest first. */
export function ClipSection({
  currentUser: { csrfToken },
  userId,
}: {
  currentUser: CurrentUser;
  userId: string;
}) {
  const [clips, setClips] = useState<Clip[]>();
  const [shown, setShown] = useState(PAGE);
  const { error, run } = useAction();

  const fetchClips = () => callApi('GET /api/clips', { query: { userId, limit: String(shown) } });
  const load = async (): Promise<void> => {
    const listed = await run(fetchClips());
    if (listed) setClips(listed.clips);
  };
  useEffect(() => void load(), [userId, shown]);

  const isCutting = clips?.some(({ state }) => state === 'processing') ?? false;
  useEffect(() => {
    if (!isCutting) return undefined;
    // Not by `run`: it would delete the message of a failed action.
    const timer = setInterval(() => {
      if (document.visibilityState !== 'visible') return;
      void fetchClips().then((result) => result.kind === 'ok' && setClips(result.value.clips));
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [isCutting, shown]);

  return (
    <section class="card" aria-labelledby="clips">
      <h2 id="clips">{dashboardTexts.yourClips}</h2>
      {clips?.length === 0 && <p class="faint">{dashboardTexts.noClips}</p>}
      <ul class="entries">
        {clips?.map((clip) => (
          <ClipEntry key={clip.id} clip={clip} csrfToken={csrfToken} onChange={() => void load()} />
        ))}
      </ul>
      {clips?.length === shown && (
        <button type="button" onClick={() => setShown(shown + PAGE)}>
          {formsTexts.showMore}
        </button>
      )}
      <ErrorText>{error}</ErrorText>
    </section>
  );
}
