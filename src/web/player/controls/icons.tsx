/** Outlines on a grid of 24 x 24. */
const PATHS = {
  play: 'M7 4.5v15l12-7.5z',
  pause: 'M7 5h3.5v14H7zM13.5 5H17v14h-3.5z',
  volume: 'M4 9.5h3.5L12 5.5v13l-4.500-4H4zM15 9a4 4 0 0 1 0 6M17.500 6.500a8 8 0 0 1 0 11',
  muted: 'M4 9.5h3.5L12 5.5v13l-4.500-4H4zM15.500 9.500l5 5M20.500 9.500l-5 5',
  fullScreen: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  leaveFullScreen: 'M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5',
  pictureInPicture: 'M3.500 5.500h17v13h-17zM12.500 12h6v4.500h-6z',
  theatre: 'M3 7.500h18v9H3z',
  leaveTheatre: 'M3 5.500h18v13H3zM15 5.500v13',
  settings:
    'M12 9.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600zM10.300 3.500h3.400l.5 2.400 1.700.7 2-1.300 2.400 2.400-1.300 2 .7 1.700 2.400.5v3.400l-2.400.5-.7 1.700 1.300 2-2.400 2.400-2-1.300-1.700.7-.5 2.400h-3.400l-.5-2.400-1.700-.7-2 1.300-2.400-2.400 1.300-2-.7-1.700-2.400-.5v-3.400l2.400-.5.7-1.700-1.300-2 2.400-2.400 2 1.300 1.700-.7z',
} as const;

const FILLED: ReadonlySet<string> = new Set(['play', 'pause']);

export type IconName = keyof typeof PATHS;

/** Symbol of a button; the button has the name. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={FILLED.has(name) ? 'icon filled' : 'icon'} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
