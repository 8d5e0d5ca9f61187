import t from 'tap';
import { type PageState, playbackState, type StreamState } from '../../../src/web/pages/playback-state.js';
import type { PlayerPhase } from '../../../src/web/player/player-phase.js';

const PHASES: PlayerPhase[] = [
  'none',
  'loading',
  'playing',
  'waiting',
  'paused',
  'refused',
  'ended',
  'broken',
];
const STATES = ['offline', 'starting', 'live', 'reconnecting', 'ending'] as const;
const STATUSES = ['scheduled', 'live', 'ended'] as const;

const stream = (state: (typeof STATES)[number], status: (typeof STATUSES)[number] = 'live'): StreamState => ({
  found: 'yes',
  status,
  state,
});
const pageState = (some: Partial<PageState>): PageState => ({
  stream: stream('live'),
  reachable: true,
  phase: 'playing',
  audioOnly: false,
  ...some,
});

function everything(): PageState[] {
  const streams: StreamState[] = [{ found: 'unknown' }, { found: 'missing' }];
  for (const state of STATES) for (const status of STATUSES) streams.push(stream(state, status));
  return streams.flatMap((stream) =>
    PHASES.flatMap((phase) =>
      [true, false].flatMap((reachable) =>
        [true, false].flatMap((audioOnly) =>
          ([undefined, 'offered', 'chosen'] as const).map((recording) => ({
            ...{ stream, phase, reachable, audioOnly, recording },
          })),
        ),
      ),
    ),
  );
}

t.test('every state without moving video has a notice', async (t) => {
  for (const some of everything()) {
    const moving = (some.phase === 'playing' || some.phase === 'paused') && !some.audioOnly;
    if (!moving && !playbackState(some).notice) t.fail('a notice is missing', { facts: some });
  }
  t.pass(`${everything().length} cases`);
});

t.test('playing video of a known stream has no notice', async (t) => {
  for (const state of STATES) {
    t.equal(playbackState(pageState({ stream: stream(state) })).notice, undefined, state);
  }
});

t.test(
  'a player starts only for a live stream or the recording of an ended one, and is never stopped while it plays',
  async (t) => {
    for (const some of everything()) {
      const { player } = playbackState(some);
      const isLive = some.stream.found === 'yes' && some.stream.state === 'live';
      const isRecorded =
        some.recording === 'chosen' &&
        some.stream.found === 'yes' &&
        some.stream.state === 'offline' &&
        some.stream.status === 'ended';
      if (player === 'start' && !isLive && !isRecorded) {
        t.fail('started without reason', { facts: some });
      }
      if (player === 'stop' && some.phase === 'playing' && some.stream.found === 'yes') {
        t.fail('stopped without reason', { facts: some });
      }
    }
    t.equal(playbackState(pageState({ phase: 'none' })).player, 'start');
  },
);

t.test('polling stops for an unknown stream only', async (t) => {
  for (const some of everything()) {
    if ((playbackState(some).pace === 'never') !== (some.stream.found === 'missing')) {
      t.fail('wrong pace', { facts: some });
    }
  }
  t.equal(playbackState(pageState({})).pace, 'slow');
  for (const phase of ['loading', 'waiting', 'ended', 'broken'] as const) {
    t.equal(playbackState(pageState({ phase })).pace, 'fast', `${phase} is polled fast`);
  }
});

const TABLE: [
  name: string,
  pageState: Partial<PageState>,
  badge: string,
  notice: RegExp | undefined,
  player: string,
][] = [
  [
    'unknown stream',
    { stream: { found: 'missing' }, phase: 'none' },
    'Not found',
    /no stream at this/,
    'stop',
  ],
  ['first load', { stream: { found: 'unknown' }, phase: 'none' }, 'Connecting', /Loading/, 'keep'],
  [
    'server unreachable at first',
    { stream: { found: 'unknown' }, phase: 'none', reachable: false },
    'Connecting',
    /not answer/,
    'keep',
  ],
  ['server unreachable while playing', { reachable: false }, 'Connecting', undefined, 'keep'],
  ['at capacity', { phase: 'none', capacityError: 'At capacity.' }, 'Live', /^At capacity\.$/, 'start'],
  ['server unreachable, stalled', { reachable: false, phase: 'waiting' }, 'Connecting', /not answer/, 'keep'],
  [
    'not started',
    { stream: stream('offline', 'scheduled'), phase: 'none' },
    'Offline',
    /offline. Playback starts automatically/,
    'stop',
  ],
  ['over', { stream: stream('offline', 'ended'), phase: 'ended' }, 'Ended', /is over/, 'stop'],
  [
    'over, with a recording after it was watched live',
    { stream: stream('offline', 'ended'), phase: 'none', recording: 'offered' },
    'Ended',
    /is over/,
    'stop',
  ],
  [
    'over, with a recording',
    { stream: stream('offline', 'ended'), phase: 'none', recording: 'chosen' },
    'Recording',
    /Loading/,
    'start',
  ],
  [
    'over, at the end of its recording',
    { stream: stream('offline', 'ended'), phase: 'ended', recording: 'chosen' },
    'Recording',
    /recording is over/,
    'start',
  ],
  ['over, with media left in the buffer', { stream: stream('offline', 'ended') }, 'Ended', undefined, 'keep'],
  [
    'server restarted, publisher not back yet',
    { stream: stream('offline', 'live'), phase: 'none' },
    'Reconnecting',
    /lost/,
    'keep',
  ],
  ['starting', { stream: stream('starting'), phase: 'none' }, 'Starting', /is starting/, 'keep'],
  [
    'back again, not playable yet',
    { stream: stream('starting'), phase: 'waiting' },
    'Starting',
    /is starting/,
    'keep',
  ],
  [
    'publisher lost',
    { stream: stream('reconnecting'), phase: 'waiting' },
    'Reconnecting',
    /continues automatically/,
    'keep',
  ],
  ['live', {}, 'Live', undefined, 'start'],
  ['live again after an end', { phase: 'ended' }, 'Live', /Loading/, 'start'],
  ['live, stalled', { phase: 'waiting' }, 'Live', /Buffering/, 'start'],
  ['live, broken', { phase: 'broken' }, 'Live', /interrupted/, 'start'],
  ['live, autoplay refused', { phase: 'refused' }, 'Live', /Press play/, 'start'],
  ['live, paused by the viewer', { phase: 'paused' }, 'Live', undefined, 'start'],
  ['live, audio only', { audioOnly: true }, 'Live', /Audio only/, 'start'],
];

for (const [name, some, badge, notice, player] of TABLE) {
  t.test(`${name}: ${badge}`, async (t) => {
    const state = playbackState(pageState(some));
    t.equal(state.badge.text, badge);
    t.equal(state.player, player);
    if (notice) t.match(state.notice, notice);
    else t.equal(state.notice, undefined);
  });
}

t.test('a planned start is named, and a browser without network is told so', async (t) => {
  const scheduledAt = '2026-05-01T18:00:00Z';
  const planned = { ...stream('offline', 'scheduled'), scheduledAt } as StreamState;
  t.match(
    playbackState(pageState({ stream: planned, phase: 'none' })).notice,
    /planned for .*2026.*automatically/,
  );
  const cutOff = { reachable: false, phase: 'waiting' } as const;
  t.match(playbackState(pageState({ ...cutOff, online: false })).notice, /You are offline/);
  t.match(playbackState(pageState({ ...cutOff, online: true })).notice, /server does not answer/);
});
