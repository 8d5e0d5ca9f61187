import type { Stream } from '../api/api-client.js';

export type Visibility = Stream['visibility'];

const VISIBILITIES = [
  ['public', 'Everyone; it is listed'],
  ['unlisted', 'Everyone who knows the address'],
  ['private', 'Only invited people'],
] as const;

/** Choice of who may watch, as the field `visibility` of a form. */
export function VisibilitySelect({ value }: { value: Visibility }) {
  return (
    <label>
      Who may watch
      <select name="visibility">
        {VISIBILITIES.map(([name, text]) => (
          <option key={name} value={name} selected={name === value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
