import type { Stream } from '../api/api-client.js';
import type { BroadcastState } from '../broadcast/broadcast-state.js';

/**
 * State of a livestream for its broadcaster, whatever publishes it. `away`: the broadcast waits for its publisher. `over`: it
 * has ended for good.
 */
export type OnAir = 'off' | 'starting' | 'testing' | 'live' | 'away' | 'ending' | 'over';

export type OnAirStream = {
  state: Pick<Stream['state'], 'name'>;
  testing: boolean;
  endedForGood: boolean;
};

/** @param browser the name of the state of this tab's own broadcast */
export function onAirOf(
  { state, testing, endedForGood }: OnAirStream,
  browser: BroadcastState['name'] | undefined,
): OnAir {
  switch (state.name) {
    case 'starting':
      return 'starting';
    case 'live':
      return testing ? 'testing' : 'live';
    case 'reconnecting':
      return browser === 'connecting' ? 'starting' : 'away';
    case 'ending':
      return 'ending';
    case 'offline':
      if (endedForGood) return 'over';
      return browser === 'connecting' || browser === 'live' ? 'starting' : 'off';
  }
}
