/** What the last answer of the API said about the stream. */
export type StreamFacts =
  | { found: 'unknown' }
  | { found: 'missing' }
  | {
      found: 'yes';
      status: 'scheduled' | 'live' | 'ended';
      state: 'offline' | 'starting' | 'live' | 'reconnecting' | 'ending';
    };

/**
 * What the player is at.
 * `none`: there is no player; `loading`: nothing was shown yet; `waiting`: it ran dry; `refused`: the browser
 * wants a click first; `ended`: it played the last picture of a finished broadcast; `broken`: it failed and is
 * trying again.
 */
export type PlayerPhase =
  | 'none'
  | 'loading'
  | 'playing'
  | 'waiting'
  | 'paused'
  | 'refused'
  | 'ended'
  | 'broken';

export type PageFacts = {
  stream: StreamFacts;
  /** The last request to the API was answered. */
  reachable: boolean;
  phase: PlayerPhase;
  /** The player plays the audio-only variant: no picture is to be expected. */
  audioOnly: boolean;
  /** Why there is no place for this viewer at the moment, in a sentence. */
  refusal?: string | undefined;
};

/** `urgent` where every second counts and there are few of them. */
export type Pace = 'urgent' | 'fast' | 'slow' | 'never';

export type Badge = { tone: 'live' | 'busy' | 'quiet'; text: string };

export type PlaybackState = {
  badge: Badge;
  /** A sentence over the picture (or in its place). Missing only while a picture moves or the viewer paused it. */
  notice?: string;
  /** `start`: there must be a player; `keep`: leave what is there; `stop`: there must be none. */
  player: 'start' | 'keep' | 'stop';
  /** How often to ask the API. */
  pace: Pace;
};

const NOTICES = {
  loading: 'Loading the stream…',
  missing: 'There is no stream at this address.',
  unreachable: 'The server does not answer. Trying again…',
  scheduled: 'This stream is offline. It starts here by itself when the broadcast begins.',
  over: 'The broadcast is over. If it is taken up again, it starts here by itself.',
  starting: 'The broadcast is starting…',
  away: 'The broadcaster lost the connection. The stream goes on here by itself when they are back.',
  waiting: 'Waiting for more of the stream…',
  broken: 'Playback was interrupted. Trying again…',
  refused: 'Press play to watch.',
  audioOnly: 'Audio only.',
} as const;

/** Decides what the watch page shows and does. Pure: the whole behaviour of the page is this table. */
export function playbackState(facts: PageFacts): PlaybackState {
  const { stream, reachable } = facts;
  if (stream.found === 'missing') {
    return { badge: quiet('Not found'), notice: NOTICES.missing, player: 'stop', pace: 'never' };
  }
  if (stream.found === 'unknown') {
    const notice = reachable ? NOTICES.loading : NOTICES.unreachable;
    return { badge: busy('Connecting'), notice, player: 'keep', pace: 'fast' };
  }
  // The player may reach a cache in front of a server that is away: what it plays is left alone.
  if (!reachable)
    return { badge: busy('Connecting'), ...shown(facts, NOTICES.unreachable), player: 'keep', pace: 'fast' };
  switch (stream.state) {
    case 'live':
      return {
        badge: { tone: 'live', text: 'Live' },
        ...shown(facts, liveNotice(facts)),
        player: 'start',
        pace:
          facts.phase === 'playing' || facts.phase === 'paused' || facts.phase === 'refused'
            ? 'slow'
            : 'fast',
      };
    case 'starting':
      return { badge: busy('Starting'), ...shown(facts, NOTICES.starting), player: 'keep', pace: 'urgent' };
    case 'reconnecting':
      return { badge: busy('Reconnecting'), ...shown(facts, NOTICES.away), player: 'keep', pace: 'fast' };
    case 'ending':
      return { badge: quiet('Ended'), ...shown(facts, NOTICES.over), player: 'keep', pace: 'fast' };
    case 'offline':
      return offline(facts, stream.status);
  }
}

function offline(facts: PageFacts, status: 'scheduled' | 'live' | 'ended'): PlaybackState {
  // Live without a broadcast: the server came back and waits for the publisher.
  if (status === 'live') {
    return { badge: busy('Reconnecting'), ...shown(facts, NOTICES.away), player: 'keep', pace: 'fast' };
  }
  return {
    badge: quiet(status === 'ended' ? 'Ended' : 'Offline'),
    ...shown(facts, status === 'ended' ? NOTICES.over : NOTICES.scheduled),
    // What is still in the buffer is played to its end.
    player: facts.phase === 'playing' || facts.phase === 'paused' ? 'keep' : 'stop',
    pace: 'fast',
  };
}

/** The notice, unless a picture moves or the viewer chose to pause it. */
function shown(facts: PageFacts, notice: string): { notice?: string } {
  if (facts.phase === 'refused') return { notice: NOTICES.refused };
  if (facts.phase !== 'playing' && facts.phase !== 'paused') return { notice };
  return facts.audioOnly ? { notice: NOTICES.audioOnly } : {};
}

function liveNotice({ phase, refusal }: PageFacts): string {
  if (phase === 'none' && refusal !== undefined) return refusal;
  switch (phase) {
    case 'waiting':
      return NOTICES.waiting;
    case 'broken':
      return NOTICES.broken;
    default:
      return NOTICES.loading;
  }
}

const busy = (text: string): Badge => ({ tone: 'busy', text });
const quiet = (text: string): Badge => ({ tone: 'quiet', text });
