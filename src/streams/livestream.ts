import { BROADCAST_END, type BroadcastEnd } from './end-reason.js';

export type LivestreamStatus = 'scheduled' | 'live' | 'ended';

/** A livestream as it is stored. The stream key is not part of it: nobody reads it back. */
export type Livestream = {
  id: string;
  /** Whose it is, in the host platform's own notation. */
  userId: string | null;
  title: string;
  description: string;
  status: LivestreamStatus;
  /** When its newest broadcast began. */
  startedAt: Date | null;
  endedAt: Date | null;
  endReason: BroadcastEnd | null;
  viewerCountPeak: number;
  recordingEnabled: boolean;
  recordingUrl: string | null;
  thumbnailUrl: string | null;
  createdAt: Date;
};

/** Whether it ended in a way after which its key admits nobody any more. */
export function isOver(livestream: Pick<Livestream, 'status' | 'endReason'>): boolean {
  if (livestream.status !== 'ended') return false;
  return livestream.endReason === null || !BROADCAST_END[livestream.endReason].reopens;
}

/** The reasons after which a stream may go live again. */
export const REOPENING_ENDS = (Object.keys(BROADCAST_END) as BroadcastEnd[]).filter(
  (reason) => BROADCAST_END[reason].reopens,
);
