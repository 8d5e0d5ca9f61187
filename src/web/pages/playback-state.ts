import type { Pace } from '../api/poll-delay.js';
import { currentLocale } from '../locale/language.js';
import type { PlayerPhase } from '../player/player-phase.js';
import { watchTexts } from '../texts/watch.js';

/** Stream by the latest answer of the API. */
export type StreamState =
  | { found: 'unknown' }
  | { found: 'missing' }
  | {
      found: 'yes';
      status: 'scheduled' | 'live' | 'ended';
      state: 'offline' | 'starting' | 'live' | 'reconnecting' | 'ending';
      /** Planned start, ISO 8601. */
      scheduledAt?: string | null;
    };

type KnownStream = Extract<StreamState, { found: 'yes' }>;

export type PageState = {
  stream: StreamState;
  /** True when the latest request to the API was answered. */
  reachable: boolean;
  /** False when the browser has no network. Default: true. */
  online?: boolean;
  phase: PlayerPhase;
  /** True when the player has audio only. */
  audioOnly: boolean;
  /** Message for the viewer while the livestream is at capacity. */
  capacityError?: string | undefined;
  /** `chosen`: the recording is played while nothing is broadcast; `offered`: when the viewer asks for it. */
  recording?: 'chosen' | 'offered' | undefined;
};

export type Badge = { tone: 'live' | 'busy' | 'quiet'; text: string };

export type PlaybackState = {
  badge: Badge;
  /** Message over the video. Missing only while video plays or the viewer has paused it. */
  notice?: string;
  /** `start`: create a player; `keep`: leave it as it is; `stop`: close it. */
  player: 'start' | 'keep' | 'stop';
  /** Rate of polling the API. */
  pace: Pace;
};

/** State table of the watch page. Pure. */
export function playbackState(page: PageState): PlaybackState {
  const { stream, reachable } = page;
  if (stream.found === 'missing') {
    return {
      badge: quiet(watchTexts.badgeNotFound),
      notice: watchTexts.missing,
      player: 'stop',
      pace: 'never',
    };
  }
  if (stream.found === 'unknown') {
    const notice = reachable ? watchTexts.loading : unreachableNotice(page);
    return { badge: busy(watchTexts.badgeConnecting), notice, player: 'keep', pace: 'fast' };
  }
  // The player may load from a cache in front of an unreachable server: it is left as it is.
  if (!reachable)
    return {
      badge: busy(watchTexts.badgeConnecting),
      ...noticeUnlessPlaying(page, unreachableNotice(page)),
      player: 'keep',
      pace: 'fast',
    };
  switch (stream.state) {
    case 'live':
      return {
        badge: { tone: 'live', text: watchTexts.badgeLive },
        ...noticeUnlessPlaying(page, liveNotice(page)),
        player: 'start',
        pace:
          page.phase === 'playing' || page.phase === 'paused' || page.phase === 'refused' ? 'slow' : 'fast',
      };
    case 'starting':
      return {
        badge: busy(watchTexts.badgeStarting),
        ...noticeUnlessPlaying(page, watchTexts.starting),
        player: 'keep',
        pace: 'urgent',
      };
    case 'reconnecting':
      return {
        badge: busy(watchTexts.badgeReconnecting),
        ...noticeUnlessPlaying(page, watchTexts.away),
        player: 'keep',
        pace: 'fast',
      };
    case 'ending':
      return {
        badge: quiet(watchTexts.badgeEnded),
        ...noticeUnlessPlaying(page, watchTexts.over),
        player: 'keep',
        pace: 'fast',
      };
    case 'offline':
      return offline(page, stream);
  }
}

function offline(page: PageState, { status, scheduledAt }: KnownStream): PlaybackState {
  // The server restarted and waits for the publisher to reconnect.
  if (status === 'live') {
    return {
      badge: busy(watchTexts.badgeReconnecting),
      ...noticeUnlessPlaying(page, watchTexts.away),
      player: 'keep',
      pace: 'fast',
    };
  }
  if (status === 'ended' && page.recording === 'chosen') {
    const notice = page.phase === 'ended' ? watchTexts.recordingOver : liveNotice(page);
    return {
      badge: quiet(watchTexts.badgeRecording),
      ...noticeUnlessPlaying(page, notice),
      player: 'start',
      pace: 'slow',
    };
  }
  return {
    badge: quiet(status === 'ended' ? watchTexts.badgeEnded : watchTexts.badgeOffline),
    ...noticeUnlessPlaying(page, status === 'ended' ? watchTexts.over : scheduledNotice(scheduledAt)),
    // The buffer is played to its end.
    player: page.phase === 'playing' || page.phase === 'paused' ? 'keep' : 'stop',
    pace: 'fast',
  };
}

function scheduledNotice(scheduledAt: string | null | undefined): string {
  const { scheduled, startsByItself, plannedFor } = watchTexts;
  if (!scheduledAt) return `${scheduled} ${startsByItself}`;
  const time = new Date(scheduledAt).toLocaleString(currentLocale(), {
    dateStyle: 'full',
    timeStyle: 'short',
  });
  return `${scheduled} ${plannedFor(time)} ${startsByItself}`;
}

/** Returns the notice unless video plays or the viewer has paused it. */
function noticeUnlessPlaying(page: PageState, notice: string): { notice?: string } {
  if (page.phase === 'refused') return { notice: watchTexts.refused };
  if (page.phase !== 'playing' && page.phase !== 'paused') return { notice };
  return page.audioOnly ? { notice: watchTexts.audioOnly } : {};
}

function liveNotice({ phase, capacityError }: PageState): string {
  if (phase === 'none' && capacityError !== undefined) return capacityError;
  switch (phase) {
    case 'waiting':
      return watchTexts.waiting;
    case 'broken':
      return watchTexts.broken;
    default:
      return watchTexts.loading;
  }
}

function unreachableNotice({ online = true }: PageState): string {
  return online ? watchTexts.unreachable : watchTexts.disconnected;
}

const busy = (text: string): Badge => ({ tone: 'busy', text });
const quiet = (text: string): Badge => ({ tone: 'quiet', text });
