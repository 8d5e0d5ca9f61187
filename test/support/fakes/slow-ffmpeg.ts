import { writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Writes a program that is ffmpeg, but reads the media of a publisher slower than real time where its arguments have a
 * text: as on a machine that is too slow, whatever this one is.
 *
 * @param speed media time per time
 * @returns its path
 */
export function slowFfmpeg(folder: string, where: string, speed: number): string {
  const file = path.join(folder, 'slow-ffmpeg');
  const script = `#!/bin/sh
case "$*" in *pipe:0*"${where}"*) slow=1 ;; esac
for argument do
  shift
  [ "$argument" = -i ] && [ -n "$slow" ] && set -- "$@" -readrate ${speed}
  set -- "$@" "$argument"
done
exec ffmpeg "$@"
`;
  writeFileSync(file, script, { mode: 0o755 });
  return file;
}
