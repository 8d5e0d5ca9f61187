/** Emoji as people see them (UTS #51 ED-27), those that show as text unless told otherwise, and `:names:`. */
const EMOTE = String.raw`\p{RGI_Emoji}|\p{Extended_Pictographic}\ufe0f?|:[A-Za-z0-9_+\-]{1,32}:`;
// The flag `v` lets a property stand for sequences; the compiler's target does not know it in literals.
const EMOTES = new RegExp(EMOTE, 'gv');
const ONE_EMOTE = new RegExp(`^(?:${EMOTE})$`, 'v');

/** Whether a text is made of emotes alone. */
export function isEmotes(text: string): boolean {
  return text.replace(EMOTES, '').trim() === '';
}

export function isOneEmote(text: string): boolean {
  return text.length <= 64 && ONE_EMOTE.test(text);
}
