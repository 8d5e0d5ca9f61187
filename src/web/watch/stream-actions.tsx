import { Avatar } from '../cards/avatar.js';
import { channelPath } from '../cards/media-card.js';
import { ClipButton, type ClipEnd } from '../clips/clip-button.js';
import { ShareDialog } from './share-dialog.js';
import '../forms/forms.css';

type StreamActionsProps = {
  streamId: string;
  title: string;
  /** Name of the broadcaster; null when there is no such account. */
  userName: string | null;
  /** Returns the frame on screen; undefined while nothing plays. */
  clipEnd: (() => ClipEnd | undefined) | undefined;
};

/** Buttons beside the title of a stream, and its broadcaster below. */
export function StreamActions({ streamId, title, userName, clipEnd }: StreamActionsProps) {
  return (
    <>
      <span class="actions">
        {clipEnd && <ClipButton streamId={streamId} currentEnd={clipEnd} />}
        <ShareDialog {...{ streamId, title }} />
      </span>
      {userName !== null && (
        <span class="broadcaster-line">
          <a class="broadcaster-link" href={channelPath(userName)}>
            <Avatar name={userName} />
            <bdi>{userName}</bdi>
          </a>
        </span>
      )}
    </>
  );
}
