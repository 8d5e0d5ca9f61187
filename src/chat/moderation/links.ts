/** URL with a scheme, or a host that starts with `www.`. */
const WITH_SCHEME = /(?:[a-z][a-z0-9+.-]{1,20}:\/\/|\bwww\.)[^\s]/iu;
/** Host followed by a port, path or query. */
const WITH_PATH = /(?:[\p{L}\p{N}-]+\.)+[\p{L}\p{N}-]{2,}(?::\d+)?[/?#][^\s]/u;
/** IPv4 address with a port or path. */
const ADDRESS = /\b\d{1,3}(?:\.\d{1,3}){3}[:/]/;
/** Bare host. Its last label must be a known one, to tell it from two sentences without a space between them. */
const BARE =
  /[\p{L}\p{N}-]\.(?:com|net|org|info|biz|io|co|tv|gg|me|ly|gl|be|to|cc|ru|cn|de|uk|fr|eu|us|pl|nl|it|es|br|in|jp|kr|xyz|top|site|online|live|stream|shop|store|club|vip|icu|app|dev|link|click|page|fun|pro|bet|casino|porn|xxx|sex|cam|tk|ml|ga|cf|gq|su|pw|ws|sh|fm|so|st|gd)(?![\p{L}\p{N}-]|\.\p{L})/iu;
/** Full stops that browsers treat as dots (UTS #46 section 2.3). */
const DOTS = /[\u3002\uff0e\uff61]/gu;

/** Whether a text contains a URL, or a host that readers would type in as one. */
export function hasLink(text: string): boolean {
  const plain = text
    .replace(DOTS, '.')
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '');
  return WITH_SCHEME.test(plain) || ADDRESS.test(plain) || WITH_PATH.test(plain) || BARE.test(plain);
}
