import { apiPath } from '../api/api-client.js';

/** Downloads the data of the account. */
export function ExportSection() {
  return (
    <section class="card" aria-labelledby="export">
      <h2 id="export">Your data</h2>
      <p class="faint">
        Everything that is stored about your account, livestreams and recordings, and your chat messages, as a
        JSON file.
      </p>
      <a class="button" href={apiPath('GET /api/auth/me/export')} download>
        Download my data
      </a>
    </section>
  );
}
