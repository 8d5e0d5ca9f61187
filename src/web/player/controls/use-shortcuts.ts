import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { toggleFullScreen, togglePictureInPicture } from './full-screen.js';
import type { PlaybackControl } from './playback-control.js';
import { type Command, commandOf, type Focus } from './shortcuts.js';
import { setVolume } from './volume.js';

const TEXT_FIELDS = 'textarea, select, input:not([type=range], [type=checkbox], [type=radio])';

type ShortcutTargets = {
  frame: RefObject<HTMLElement | null>;
  video: RefObject<HTMLVideoElement | null>;
  /** Undefined while there is nothing to control. */
  playback: PlaybackControl | undefined;
  /** The player is a part of another site's page, whose keys it takes only while it has the focus. */
  isEmbedded: boolean;
  onToggleTheatre: (() => void) | undefined;
  onToggleStats: () => void;
  onToggleHelp: () => void;
};

/** Operates a player by the keys of `shortcuts.ts`. */
export function useShortcuts(targets: ShortcutTargets): void {
  const newest = useRef(targets);
  newest.current = targets;
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const { frame, video } = newest.current;
      // A dialog in front of the page has the keys for itself.
      if (event.defaultPrevented || !video.current || document.querySelector('dialog[open]')) return;
      const command = commandOf(event, focusOf(event.target, frame.current));
      if (!command) return;
      if (run(command, newest.current)) event.preventDefault();
    };
    const { isEmbedded, frame } = newest.current;
    const target: Document | HTMLElement | null = isEmbedded ? frame.current : document;
    const listener = (event: Event): void => pressed(event as KeyboardEvent);
    target?.addEventListener('keydown', listener);
    return () => target?.removeEventListener('keydown', listener);
  }, []);
}

/** @returns whether it had an effect */
function run(command: Command, targets: ShortcutTargets): boolean {
  const { frame, video: target, playback } = targets;
  const video = target.current;
  if (!video || !playback) return false;
  switch (command.do) {
    case 'toggle-play':
      if (video.paused) playback.play();
      else video.pause();
      return true;
    case 'toggle-mute':
      setVolume(video, { muted: !video.muted });
      return true;
    case 'change-volume':
      setVolume(video, { volume: Math.min(1, Math.max(0, video.volume + command.by)), muted: false });
      return true;
    case 'seek': {
      const range = playback.range();
      if (!range) return false;
      const behindS = (range.isRewinding || range.isRecording ? range.behindS : 0) - command.seconds;
      playback.seekTo(Math.min(range.lengthS, Math.max(0, behindS)));
      return true;
    }
    case 'go-live':
      playback.goLive?.();
      return playback.goLive !== undefined;
    case 'toggle-full-screen':
      void toggleFullScreen(frame.current, video);
      return true;
    case 'toggle-picture-in-picture':
      void togglePictureInPicture(video);
      return true;
    case 'toggle-theatre':
      targets.onToggleTheatre?.();
      return true;
    case 'toggle-stats':
      targets.onToggleStats();
      return true;
    case 'toggle-help':
      targets.onToggleHelp();
      return true;
  }
}

/** Returns where the focus is. */
function focusOf(target: EventTarget | null, player: HTMLElement | null): Focus {
  if (!(target instanceof HTMLElement) || target === document.body) return 'page';
  if (target.isContentEditable || target.matches(TEXT_FIELDS)) return 'text';
  if (target.matches('button, a, summary, input')) return 'control';
  return player?.contains(target) ? 'player' : 'elsewhere';
}
