import { useState } from 'preact/hooks';
import type { NodeSettingsResponse } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { adminTexts } from '../texts/admin.js';

/** Ladder, limits and retention in force; they are set by environment variables. */
export function NodeSettings() {
  const [settings, setSettings] = useState<NodeSettingsResponse['settings']>();
  const { error, run } = useAction();
  const load = async (): Promise<void> => {
    const answer = await run(callApi('GET /api/admin/settings', {}));
    setSettings(answer?.settings);
  };

  return (
    <section class="card" aria-labelledby="node-settings">
      <h2 id="node-settings">{adminTexts.ladderAndLimits}</h2>
      <p class="faint">{adminTexts.environment}</p>
      <details onToggle={(event) => event.currentTarget.open && void load()}>
        <summary>{adminTexts.inForce}</summary>
        <dl class="settings">
          {settings?.map(({ name, value, isDefault, description }) => (
            <div key={name}>
              <dt>
                <code>{name}</code>
              </dt>
              <dd>
                <strong>{value || adminTexts.notSet}</strong>
                {!isDefault && ` ${adminTexts.changed}`}
                <br />
                <span class="faint">{description}</span>
              </dd>
            </div>
          ))}
        </dl>
      </details>
      <ErrorText>{error}</ErrorText>
    </section>
  );
}
