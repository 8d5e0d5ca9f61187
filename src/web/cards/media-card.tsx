import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Avatar } from './avatar.js';
import { initialOf } from './initial.js';
import './cards.css';

type MediaCardProps = {
  href: string;
  title: string;
  /** Path of the picture on this server; undefined: none. */
  picture: string | undefined;
  /** Label in the upper corner, such as the state. */
  label?: { tone: 'live' | 'busy' | 'plain'; text: string };
  /** Text in the lower corner, such as the duration. */
  duration?: string | undefined;
  /** Name of the broadcaster, linked to the channel. */
  by?: string | null | undefined;
  /** Facts below the title. */
  children?: ComponentChildren;
};

/** Entry of a list: picture, title and facts, which link to the page of the media. */
export function MediaCard({ href, title, picture, label, duration, by, children }: MediaCardProps) {
  const [failedPicture, setFailedPicture] = useState<string>();
  return (
    <li class={`media-card ${by ? 'has-avatar' : ''}`}>
      <span class="picture">
        {picture !== undefined && picture !== failedPicture ? (
          <img src={picture} alt="" loading="lazy" onError={() => setFailedPicture(picture)} />
        ) : (
          <span class="initial" aria-hidden="true">
            {initialOf(title)}
          </span>
        )}
        {label && <span class={`corner start ${label.tone}`}>{label.text}</span>}
        {duration && <span class="corner end">{duration}</span>}
      </span>
      <div class="body">
        {by && <Avatar name={by} />}
        <div class="text">
          <a class="title" href={href} dir="auto">
            {title}
          </a>
          {by && (
            <a class="by" href={channelPath(by)}>
              <bdi>{by}</bdi>
            </a>
          )}
          <span class="facts">{children}</span>
        </div>
      </div>
    </li>
  );
}

/** Path of the page of a channel. */
export function channelPath(name: string): string {
  return `/@${encodeURIComponent(name)}`;
}
