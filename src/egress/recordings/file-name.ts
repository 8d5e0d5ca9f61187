/** Longest name without its extension, in UTF-16 code units: file systems take 255 bytes. */
const MAXIMUM_LENGTH = 60;

/**
 * Returns the Content-Disposition of a downloaded recording (RFC 6266), with a name that is safe on every file system.
 *
 * @param of height and part that were asked for; they are in the name
 */
export function contentDisposition(
  title: string,
  { height, part }: { height?: number | undefined; part?: number | undefined } = {},
): string {
  const suffix = `${height === undefined ? '' : ` ${height}p`}${part === undefined ? '' : ` part ${part}`}`;
  const safe = title
    .normalize('NFC')
    // Separators, reserved characters of Windows, control and formatting characters (which could hide the extension), and halves of characters.
    .replace(/[\\/:*?"<>|\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const name = `${
    [...safe]
      .slice(0, MAXIMUM_LENGTH)
      .join('')
      .replace(/^[.\s]+|[.\s]+$/g, '') || 'recording'
  }${suffix}.mp4`;
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*!]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
