import { PublicError } from '../platform/index.js';
import type { Visibility } from '../streams/index.js';

/** `failed`: it holds no media; `deleting`: its files are being deleted. */
export type RecordingState = 'recording' | 'ready' | 'failed' | 'deleting';

/**
 * `source`: the renditions that cost no further encoder: the copied source and its audio, or all renditions of a source
 * that is encoded anyway. `all`: every rendition, which keeps the encoders of the lower ones running.
 */
export type RecordedRenditions = 'source' | 'all';

/**
 * `rewind`: a part of the window in which viewers of a broadcast that is not recorded can rewind; `clip`: the files of a clip; `video`: those of
 * an uploaded video, which has no livestream.
 */
export type RecordingPurpose = 'recording' | 'rewind' | 'clip' | 'video';

/** Reason for the end of a recording. */
export type RecordingEnd =
  | 'broadcast-ended'
  | 'stopped'
  | 'disk-full'
  | 'disk-low'
  | 'disk-failed'
  | 'quota-reached'
  /** The gateway was ended or lost the recording; it was finished later. */
  | 'interrupted';

/** Sentences for the owner, of the ends that nobody asked for. */
export const RECORDING_END_NOTICES: Partial<Record<RecordingEnd, string>> = {
  'disk-full': 'The recording has ended: the disk is full. The broadcast goes on.',
  'disk-low': 'The recording has ended: the disk is almost full. The broadcast goes on.',
  'disk-failed': 'The recording has ended: its files could not be written. The broadcast goes on.',
  'quota-reached': 'The recording has ended: your storage quota is used up. The broadcast goes on.',
};

export type Recording = {
  id: string;
  /** Null: its livestream was deleted, or it has none. */
  streamId: string | null;
  broadcastId: string;
  /** Owner of the livestream when the recording started. */
  userId: string | null;
  /** That of the livestream when the recording started, or chosen by the owner. */
  title: string;
  /** Chosen by the owner, or the stricter one of what its livestream had when the recording started and has now. */
  visibility: Visibility;
  state: RecordingState;
  purpose: RecordingPurpose;
  renditions: RecordedRenditions;
  /** Id of the recordings folder with its files. */
  storeId: string;
  /** `both`: verified in the object store, and still in the folder; `remote`: in the object store only. */
  location: 'local' | 'both' | 'remote';
  /** Id of the object store that has or gets its objects. */
  objectStore: string | null;
  startedAt: Date;
  endedAt: Date | null;
  endReason: RecordingEnd | null;
  /** Media time, without the times at which nothing was broadcast. */
  durationS: number;
  sizeBytes: number;
  /** Segments that are missing because the disk was too slow. */
  droppedSegments: number;
};

/** File of a recording: an initialization section and the segments of one rendition in one encoder run. */
export type RecordingFile = {
  /** Counts the files of a recording, from 0. */
  number: number;
  rendition: string;
  kind: 'video' | 'audio';
  run: number;
  /** Codec string (RFC 6381). */
  codec: string;
  /** Of video, pixels and frames per second. */
  width: number | null;
  height: number | null;
  frameRate: number | null;
  /** Of audio. */
  channels: number | null;
  /** Length of the initialization section, at the start of the file. */
  initBytes: number;
  /** Media sequence numbers that no segment of the broadcast has, as starts of the gateway have skipped them. */
  msnOffset: number;
};

/** Position of a segment in a file. */
export type RecordedSegment = {
  fileNumber: number;
  /** Media sequence number of the broadcast. */
  msn: number;
  byteOffset: number;
  byteLength: number;
  /** Movie fragments (moof and mdat) in it. */
  fragments: number;
  durationS: number;
  /** Decode time of the first sample on the broadcast's timeline. */
  decodeTimeS: number;
  programDateTimeMs: number;
};

/** Changes by the owner; absent fields stay. */
export type RecordingChanges = { title?: string | undefined; visibility?: Visibility | undefined };

/** Part of a recording, or of a part of a rewind window, that decides on admission: `id` and `userId` are those of its livestream. */
export type WatchedRecording = {
  id: string;
  userId: string | null;
  visibility: Visibility;
  /** Account that made a private clip, and may watch it. */
  maker: string | null;
};

export function recordingNotFound(): PublicError {
  return new PublicError(404, 'recording_not_found', 'There is no such recording.');
}

/** Path of a recording, relative to the public URL of the gateway; stored in its livestream. */
export function recordingPath(recordingId: string): string {
  return `recordings/${recordingId}/index.m3u8`;
}

/** Path of the DASH presentation description of a recording, as above. */
export function descriptionPath(recordingId: string): string {
  return `recordings/${recordingId}/index.mpd`;
}

/** Path of the page of a recording, as above. */
export function pagePath(recordingId: string): string {
  return `recordings/${recordingId}`;
}

/** Path of a recording as an MP4 file, as above. */
export function downloadPath(recordingId: string): string {
  return `recordings/${recordingId}/download.mp4`;
}
