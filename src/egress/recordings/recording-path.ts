import { parseUuid } from '../../platform/index.js';

/** Resource of a rendition. */
type RenditionPath = { rendition: string } & (
  | { name: 'media' }
  | { name: 'init'; run: number }
  | { name: 'segment'; msn: number }
  /** Whole file of a run. */
  | { name: 'file'; run: number }
);

/** Resource named by a path below `/recordings/`; it need not exist. */
export type RecordingPath = { recordingId: string } & (
  | { name: 'multivariant' }
  | { name: 'description' }
  | { name: 'sprites' }
  | { name: 'poster' }
  | { name: 'sprite'; number: number }
  | RenditionPath
);

/** Resource named by a path below `/rewind/`; it need not exist. */
export type RewindPath = { streamId: string } & (
  | { name: 'multivariant' }
  | { name: 'sprites' }
  | ({ broadcastId: string } & Exclude<RenditionPath, { name: 'file' }>)
);

/** No leading zeros: one URL for each resource. */
const INIT = /^init-(0|[1-9][0-9]{0,9})\.mp4$/;
const FILE = /^file-(0|[1-9][0-9]{0,9})\.mp4$/;
const SEGMENT = /^s(0|[1-9][0-9]{0,9})\.m4s$/;
const SPRITE = /^(0|[1-9][0-9]{0,8})\.jpg$/;
const PLAYLIST = 'index.m3u8';
/** Files beside the folders of the renditions. */
const TOP_FILES: Record<string, 'multivariant' | 'description' | 'sprites' | 'poster'> = {
  [PLAYLIST]: 'multivariant',
  'index.mpd': 'description',
  'sprites.vtt': 'sprites',
  'poster.jpg': 'poster',
};
const SPRITES_FOLDER = 'sprites';

/** Parses the path after `/recordings/`; undefined for a path that no resource has. */
export function parseRecordingPath(path: string): RecordingPath | undefined {
  const [id, second, file, ...rest] = path.split('/', 4);
  const recordingId = parseUuid(id ?? '');
  if (recordingId === undefined || !second || rest.length > 0) return undefined;
  if (file === undefined) {
    const name = Object.hasOwn(TOP_FILES, second) ? TOP_FILES[second] : undefined;
    return name && { recordingId, name };
  }
  const sprite = second === SPRITES_FOLDER ? SPRITE.exec(file) : null;
  if (sprite) return { recordingId, name: 'sprite', number: Number(sprite[1]) };
  const found = parseFile(second, file);
  return found && { recordingId, ...found };
}

/** Parses the path after `/rewind/`; undefined for a path that no resource has. */
export function parseRewindPath(path: string): RewindPath | undefined {
  const [id, second, rendition, file, ...rest] = path.split('/', 5);
  const streamId = parseUuid(id ?? '');
  if (streamId === undefined || !second || rest.length > 0) return undefined;
  if (rendition === undefined) {
    const name = Object.hasOwn(TOP_FILES, second) ? TOP_FILES[second] : undefined;
    return name === 'multivariant' || name === 'sprites' ? { streamId, name } : undefined;
  }
  const broadcastId = parseUuid(second);
  const found = broadcastId === undefined ? undefined : parseFile(rendition, file ?? '');
  if (broadcastId === undefined || !found || found.name === 'file') return undefined;
  return { streamId, broadcastId, ...found };
}

function parseFile(rendition: string, file: string): RenditionPath | undefined {
  if (file === PLAYLIST) return { rendition, name: 'media' };
  const segment = SEGMENT.exec(file);
  if (segment) return { rendition, name: 'segment', msn: Number(segment[1]) };
  const whole = FILE.exec(file);
  if (whole) return { rendition, name: 'file', run: Number(whole[1]) };
  const init = INIT.exec(file);
  return init ? { rendition, name: 'init', run: Number(init[1]) } : undefined;
}
