import type { Stream } from '../api/api-client.js';
import { formsTexts } from '../texts/forms.js';

export type Visibility = Stream['visibility'];

export const VISIBILITIES = ['public', 'unlisted', 'private'] as const;

/** Choice of who may watch, as the field `visibility` of a form. */
export function VisibilitySelect({ value }: { value: Visibility }) {
  return (
    <label>
      {formsTexts.whoMayWatch}
      <select name="visibility">
        {VISIBILITIES.map((name) => (
          <option key={name} value={name} selected={name === value}>
            {formsTexts.visibilities[name]}
          </option>
        ))}
      </select>
    </label>
  );
}
