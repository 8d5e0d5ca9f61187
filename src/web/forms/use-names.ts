import { useEffect, useState } from 'preact/hooks';
import { callApi } from '../api/api-client.js';

/** Ids of one request. */
const MAXIMUM_IDS = 100;

/** Names of users by their id; those of the host platform, and unknown ones, are missing. */
export function useNames(userIds: readonly string[]): ReadonlyMap<string, string> {
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map());
  const ids = [...new Set(userIds)].filter((id) => id !== '' && !id.includes(',')).slice(0, MAXIMUM_IDS);
  useEffect(() => {
    if (ids.every((id) => names.has(id))) return;
    void callApi('GET /api/auth/users', { query: { ids: ids.join() } }).then((result) => {
      if (result.kind === 'ok') setNames(new Map(result.value.users.map(({ id, name }) => [id, name])));
    });
  }, [ids.join()]);
  return names;
}
