import type { Sql } from '../../platform/index.js';
import type { RecordingContext } from '../active-recording.js';
import type { Replays } from '../replay/replays.js';
import type { RewindTable } from '../rewind/rewind-table.js';
import type { PictureRenderer } from '../sprites/sprite-renderer.js';
import type { SpriteTable } from '../sprites/sprite-table.js';
import type { ClipEncoder } from './clip.js';
import { ClipSources } from './clip-source.js';
import { ClipTable } from './clip-table.js';
import { ClipWorker } from './clip-worker.js';
import { Clips, type ClipsOptions } from './clips.js';

export type OpenClipsOptions = Pick<RecordingContext, 'segments' | 'store' | 'slots' | 'clock' | 'log'> &
  Pick<ClipsOptions, 'checkRoom' | 'changed' | 'deleteMarked'> & {
    sql: Sql;
    table: RecordingContext['table'];
    sprites: SpriteTable;
    replays: Replays;
    rewinds: RewindTable;
    pictures: PictureRenderer | undefined;
    encode: ClipEncoder | undefined;
    minimumFreeBytes: number;
    /** Called with each clip that is ready. Must not throw. */
    finished(): void;
  };

/** Creates the clips of a recordings folder, and the worker that cuts them. */
export function openClips({ sql, table: recordings, ...options }: OpenClipsOptions): Clips {
  const { store, replays, rewinds } = options;
  const table = new ClipTable(sql);
  const sources = new ClipSources({ rewinds, replays, storeId: store.id });
  const worker = new ClipWorker({ ...options, table, recordings, sources });
  return new Clips({ ...options, table, worker, sources });
}
