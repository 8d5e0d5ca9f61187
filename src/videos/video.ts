import { PublicError } from '../platform/index.js';
import type { Visibility } from '../streams/index.js';
import type { RefusalReason } from '../transcode/index.js';

export type VideoState = 'uploading' | 'queued' | 'transcoding' | 'ready' | 'failed' | 'deleting';

/** Why a video has failed. */
export type VideoFailure =
  | RefusalReason
  | 'cancelled'
  | 'quota_reached'
  | 'disk_low'
  | 'transcoding_failed'
  | 'upload_lost';

/** Sentences for the owner. */
export const VIDEO_FAILURES: Record<VideoFailure, string> = {
  not_a_video: 'This file is not a video that can be read, or it is damaged.',
  no_picture: 'This file has no video.',
  picture_too_large: 'The picture is too large: scale it down and upload it again.',
  too_long: 'The video is too long: upload it in parts.',
  incomplete: 'This file is incomplete or damaged: export it anew and upload it again.',
  needs_too_much_memory:
    'Reading this file takes too much memory: convert it to MP4 (H.264) and upload it again.',
  cancelled: 'Cancelled.',
  quota_reached: 'Your storage quota is used up: delete recordings or videos and upload it again.',
  disk_low: 'The disk of the server is almost full: try again later.',
  transcoding_failed: 'The video could not be transcoded: convert it to MP4 (H.264) and upload it again.',
  upload_lost: 'The uploaded file is gone: upload it again.',
};

export type Video = {
  id: string;
  /** Owner: an account id, or an id of the host platform. */
  userId: string;
  title: string;
  visibility: Visibility;
  state: VideoState;
  failure: VideoFailure | null;
  /** Id of the folder with its files. */
  storeId: string;
  /** Announced length of the upload. */
  uploadBytes: number;
  /** Bytes of the renditions so far. */
  sizeBytes: number;
  durationS: number | null;
  /** Share that is transcoded, 0 to 1. */
  progress: number;
  attempts: number;
  jobId: string | null;
  createdAt: Date;
};

export type VideoChanges = Partial<Pick<Video, 'title' | 'visibility'>>;

/** Path of the multivariant playlist, relative to the public URL. */
export function videoPath(videoId: string): string {
  return `videos/${videoId}/index.m3u8`;
}

export function videoNotFound(): PublicError {
  return new PublicError(404, 'video_not_found', 'There is no such video.');
}
