import { fail, type Read, setting } from '../platform/index.js';

const SLATE_TEXT_CHARACTERS = 120;

/** Parses `on`, `off` or the path of a file; a path is an object, so that a file may have any name. */
const slate: Read<'on' | 'off' | { file: string }> = (value) =>
  value === 'on' || value === 'off' ? value : { file: value };

const slateText: Read<string> = (value, name) => {
  if (value === 'off') return '';
  if (value.length > SLATE_TEXT_CHARACTERS || /\p{Cc}/u.test(value))
    fail(name, `at most ${SLATE_TEXT_CHARACTERS} characters in one line`, value);
  return value;
};

export const SLATE_SETTINGS = {
  slate: setting(
    'SLATE',
    slate,
    'on',
    'on: viewers see the last picture, dimmed, while the publisher is away or its picture pauses; or the path of a picture or film (PNG, JPEG, WebP, MP4, WebM) that they see; off: playback waits',
  ),
  slateText: setting(
    'SLATE_TEXT',
    slateText,
    'The broadcast will continue shortly.',
    'sentence over the dimmed picture, at most 120 characters; off: none',
  ),
};
