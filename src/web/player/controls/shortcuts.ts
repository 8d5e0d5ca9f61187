/** Effect of a key. Seeking is by seconds, volume by its change. */
export type Command =
  | {
      do:
        | 'toggle-play'
        | 'toggle-mute'
        | 'toggle-full-screen'
        | 'toggle-theatre'
        | 'toggle-picture-in-picture';
    }
  | { do: 'toggle-stats' | 'toggle-help' | 'go-live' }
  | { do: 'seek'; seconds: number }
  | { do: 'change-volume'; by: number };

type Key = { key: string; altKey: boolean; ctrlKey: boolean; metaKey: boolean };

const COMMANDS: Record<string, Command> = {
  ' ': { do: 'toggle-play' },
  k: { do: 'toggle-play' },
  m: { do: 'toggle-mute' },
  f: { do: 'toggle-full-screen' },
  t: { do: 'toggle-theatre' },
  p: { do: 'toggle-picture-in-picture' },
  s: { do: 'toggle-stats' },
  '?': { do: 'toggle-help' },
  end: { do: 'go-live' },
  arrowleft: { do: 'seek', seconds: -5 },
  arrowright: { do: 'seek', seconds: 5 },
  j: { do: 'seek', seconds: -10 },
  l: { do: 'seek', seconds: 10 },
  arrowup: { do: 'change-volume', by: 0.05 },
  arrowdown: { do: 'change-volume', by: -0.05 },
};

/** Element that has the focus: `page`: none; `control`: a button, link or range; `text`: what takes letters. */
export type Focus = 'player' | 'page' | 'control' | 'text' | 'elsewhere';

/** Keys by which pages scroll. */
const SCROLLING: ReadonlySet<string> = new Set(['end', 'arrowup', 'arrowdown']);

/** Returns what a key does; undefined for keys of the browser, and of the element that has the focus. */
export function commandOf({ key, altKey, ctrlKey, metaKey }: Key, focus: Focus): Command | undefined {
  if (altKey || ctrlKey || metaKey || focus === 'text') return undefined;
  const name = key.toLowerCase();
  if (focus !== 'player' && SCROLLING.has(name)) return undefined;
  const operates = name === ' ' || name.startsWith('arrow');
  if ((focus === 'control' || focus === 'elsewhere') && operates) return undefined;
  return COMMANDS[name];
}
