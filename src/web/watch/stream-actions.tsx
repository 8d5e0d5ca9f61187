import { ClipButton, type ClipEnd } from '../clips/clip-button.js';
import { ShareDialog } from './share-dialog.js';
import '../forms/forms.css';

type StreamActionsProps = {
  streamId: string;
  title: string;
  /** Returns the frame on screen; undefined while nothing plays. */
  clipEnd: (() => ClipEnd | undefined) | undefined;
};

/** Buttons beside the title of a stream. */
export function StreamActions({ streamId, title, clipEnd }: StreamActionsProps) {
  return (
    <span class="actions">
      {clipEnd && <ClipButton streamId={streamId} currentEnd={clipEnd} />}
      <ShareDialog {...{ streamId, title }} />
    </span>
  );
}
