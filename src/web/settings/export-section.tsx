import { apiPath } from '../api/api-client.js';
import { settingsTexts } from '../texts/settings.js';

/** Downloads the data of the account. */
export function ExportSection() {
  return (
    <section class="card" aria-labelledby="export">
      <h2 id="export">{settingsTexts.yourData}</h2>
      <p class="faint">{settingsTexts.exportNote}</p>
      <a class="button" href={apiPath('GET /api/auth/me/export')} download>
        {settingsTexts.downloadData}
      </a>
    </section>
  );
}
