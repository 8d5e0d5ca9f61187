import { useLayoutEffect, useRef } from 'preact/hooks';
import type { PlaybackControl } from '../player/controls/playback-control.js';
import { PlayerFrame } from '../player/player-frame.js';
import { elementTexts } from '../texts/element.js';
import type { ElementSnapshot } from './element-session.js';

type ElementViewProps = {
  /** Undefined: the element has no valid address. */
  snapshot: ElementSnapshot | undefined;
  /** Accessible name; default: the title. */
  label: string | undefined;
  /** Address of a picture that is shown before playback; default: that of the media. */
  poster: string | undefined;
  /** Undefined while there is nothing to play. */
  playback: PlaybackControl | undefined;
  onElements: (video: HTMLVideoElement, still: HTMLCanvasElement) => void;
};

/** CSS parts, by the selector of their element. */
const PARTS = { '.player': 'frame', video: 'video', '.notice': 'notice', '.unmute': 'unmute' };

/** Content of `<headend-player>`. */
export function ElementView({ snapshot, label, poster, playback, onElements }: ElementViewProps) {
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const root = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (video.current && still.current) onElements(video.current, still.current);
  }, []);
  useLayoutEffect(() => {
    for (const [selector, part] of Object.entries(PARTS))
      root.current?.querySelector(selector)?.setAttribute('part', part);
  });
  const picture = poster ?? snapshot?.poster;
  useLayoutEffect(() => {
    if (!video.current) return;
    if (picture) video.current.poster = picture;
    else video.current.removeAttribute('poster');
  }, [picture]);

  return (
    <div ref={root} class="root">
      <PlayerFrame
        {...{ video, still }}
        label={label ?? snapshot?.title ?? elementTexts.video}
        {...{ playback, isEmbedded: true }}
        notice={snapshot ? snapshot.notice : elementTexts.noAddress}
      />
    </div>
  );
}
