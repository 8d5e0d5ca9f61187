import type { Logger } from '../../platform/index.js';
import type { Broadcast, Source } from '../../streams/index.js';
import { TIMELINE_START_MS } from '../ffmpeg/ffmpeg-arguments.js';
import { slateRenditions } from '../slate/slate-plan.js';
import type { BroadcastMemory, TranscodeSettings } from '../transcode-settings.js';
import { chooseFlvLadder } from './flv-ladder.js';
import { describedLadder, renditionsOf } from './ladder.js';
import { LadderRun, type LadderRunOptions } from './ladder-run.js';
import type { SourceTimeline } from './source-timeline.js';
import type { TimelineCoverage } from './timeline-coverage.js';

export type OpenLadderRunOptions = {
  broadcast: Broadcast;
  source: Source;
  timeline: SourceTimeline;
  coverage: TimelineCoverage;
  /** Slate in place of video. */
  slate: LadderRunOptions['slate'];
  settings: Pick<TranscodeSettings, 'ladder' | 'audioBitrateBps' | 'clock'>;
  memory: BroadcastMemory;
  /** Renditions removed to reduce load. */
  shed: ReadonlySet<string>;
  log: Logger;
};

/** Chooses the ladder of an FLV publication and opens a run with it. @throws when the broadcast takes no run */
export async function openLadderRun(options: OpenLadderRunOptions): Promise<LadderRun> {
  const { broadcast, source, timeline, coverage, slate, settings, memory, shed, log } = options;
  const { begun, gop } = timeline;
  const { videoHeader, audioHeader } = gop;
  const startedAt = begun?.startedAt ?? settings.clock.now();
  const seen = slate ? { ...gop.seen, video: false } : gop.seen;
  const ladder = chooseFlvLadder(
    source.info,
    { seen, videoHeader, audioHeader },
    {
      ownRungs: broadcast.ladder,
      ...{ rungs: settings.ladder, audioBitrateBps: settings.audioBitrateBps },
      ...{ encodeSource: memory.encodeSource, shed },
    },
  );
  coverage.rebase(gop.tags[0]?.timestamp ?? 0);
  if (slate) coverage.restartAt(slate.startMs);
  const offset = TIMELINE_START_MS - coverage.base;
  const writer = await broadcast.openRun({
    renditions: slate ? slateRenditions(slate.request, ladder.audio) : renditionsOf(ladder),
    originMs: startedAt - offset,
    slate: slate && 'picture-paused',
  });
  const message = slate ? 'slate shown: the picture pauses' : 'encoder run opened';
  log.info({ run: writer.index, ...describedLadder(ladder) }, message);
  const frameRate = source.info.video?.frameRate;
  return new LadderRun(writer, { ladder, videoHeader, audioHeader, frameRate, offset, slate });
}
