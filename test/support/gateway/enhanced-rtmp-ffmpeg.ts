import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The Debian 13 that `scripts/debian-13` prepares. */
const DEBIAN_FOLDER = process.env.HEADEND_DEBIAN_13 ?? '/var/tmp/headend-debian-13';

/** Debian's library folders by Node's architecture names. */
const ARCHITECTURES: Partial<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

function version(program: string): number {
  try {
    const text = execFileSync(program, ['-version'], { encoding: 'utf8' });
    return Number(/version n?(\d+\.\d+)/.exec(text)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** True when the installed ffmpeg supports enhanced RTMP. */
export const systemFfmpegHasEnhancedRtmp = version('ffmpeg') >= 6.1;

/**
 * Finds an ffmpeg with enhanced RTMP (6.1 or newer): the installed one, or that of a Debian 13 in a folder,
 * started by a wrapper script written into `folder`.
 *
 * @returns its path, or undefined where there is none.
 */
export function enhancedRtmpFfmpeg(folder: string): string | undefined {
  if (systemFfmpegHasEnhancedRtmp) return 'ffmpeg';
  if (!existsSync(path.join(DEBIAN_FOLDER, '.complete'))) return undefined;
  const program = path.join(folder, 'ffmpeg');
  // Uses Debian's loader instead of chroot, so that sockets and files stay those of this machine.
  const libraries = path.join(
    DEBIAN_FOLDER,
    'usr/lib',
    `${ARCHITECTURES[process.arch] ?? process.arch}-linux-gnu`,
  );
  const loader = readdirSync(libraries).find((name) => /^ld-linux-.*\.so/.test(name));
  if (loader === undefined) return undefined;
  const paths = ['', 'pulseaudio', 'blas', 'lapack'].map((name) => path.join(libraries, name)).join(':');
  writeFileSync(
    program,
    `#!/bin/sh\nexec ${path.join(libraries, loader)} --library-path ${paths} ${DEBIAN_FOLDER}/usr/bin/ffmpeg "$@"\n`,
  );
  chmodSync(program, 0o755);
  return version(program) >= 6.1 ? program : undefined;
}
