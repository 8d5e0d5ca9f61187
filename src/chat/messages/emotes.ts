/** Emoji (UTS #51 ED-27), pictographs with text presentation by default, and `:names:`. */
const EMOTE = String.raw`\p{RGI_Emoji}|\p{Extended_Pictographic}\ufe0f?|:[A-Za-z0-9_+\-]{1,32}:`;
// Regular expression built at run time: the flag `v` (properties of strings) is not allowed in literals of the
// compile target.
const EMOTES = new RegExp(EMOTE, 'gv');
const ONE_EMOTE = new RegExp(`^(?:${EMOTE})$`, 'v');

/** Whether a text consists of emotes only. */
export function isEmotes(text: string): boolean {
  return text.replace(EMOTES, '').trim() === '';
}

export function isOneEmote(text: string): boolean {
  return text.length <= 64 && ONE_EMOTE.test(text);
}
