import type { FastifyRequest } from 'fastify';
import { PublicError } from '../../platform/index.js';
import {
  type Recordings,
  recordingNotFound,
  type Recording as StoredRecording,
} from '../../recordings/index.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';

export type FoundRecording = StoredRecording & { streamId: string };

/** Finds recordings for clients who may watch or manage them. */
export class RecordingFinder {
  readonly #recordings: Pick<Recordings, 'find'>;
  readonly #lookup: Pick<LivestreamLookup, 'rightTo'>;

  constructor(recordings: Pick<Recordings, 'find'>, lookup: Pick<LivestreamLookup, 'rightTo'>) {
    this.#recordings = recordings;
    this.#lookup = lookup;
  }

  /** @throws PublicError 404 `recording_not_found`, also where it must not be known */
  async findWatchable(request: FastifyRequest, recordingId: string): Promise<FoundRecording> {
    return (await this.#find(request, recordingId)).recording;
  }

  /** @throws PublicError as above, and 403 `not_allowed` */
  async findManageable(request: FastifyRequest, recordingId: string): Promise<FoundRecording> {
    const { recording, right } = await this.#find(request, recordingId);
    if (right === 'manage') return recording;
    throw new PublicError(403, 'not_allowed', 'This recording belongs to another user.');
  }

  async #find(
    request: FastifyRequest,
    recordingId: string,
  ): Promise<{ recording: FoundRecording; right: 'watch' | 'manage' }> {
    const recording = await this.#recordings.find(recordingId);
    if (!recording || recording.streamId === null || recording.state === 'deleting')
      throw recordingNotFound();
    const { streamId } = recording;
    const right = await this.#lookup.rightTo(request, { ...recording, id: streamId });
    if (right === undefined) throw recordingNotFound();
    return { recording: { ...recording, streamId }, right };
  }
}
