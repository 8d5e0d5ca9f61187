import { BoundedCalls, type Clock } from '../../platform/index.js';
import type { Replay } from '../replay/replay.js';
import type { RewindIndex } from '../rewind/rewind-index.js';
import { renderSpriteCues } from './sprite-cues.js';
import type { SpriteTable } from './sprite-table.js';

/** Previews of recordings and rewind windows, for players. */
export class Previews {
  readonly #table: SpriteTable;
  /** Bounds the time in which the database must answer viewers. */
  readonly #calls: BoundedCalls;

  constructor(table: SpriteTable, clock: Clock) {
    this.#table = table;
    this.#calls = new BoundedCalls({ clock });
  }

  /** Finds a sheet. @param recordingId must have the form of a UUID; also a part of a rewind window */
  findSheet(recordingId: string, number: number): Promise<Buffer | undefined> {
    return this.#calls.run(() => this.#table.find(recordingId, number));
  }

  /** @param recordingId must have the form of a UUID */
  findPoster(recordingId: string): Promise<Buffer | undefined> {
    return this.#calls.run(() => this.#table.findPoster(recordingId));
  }

  /** Renders WebVTT for a recording. @param uriSuffix as for `renderSpriteCues` */
  async cuesOfReplay(replay: Replay, uriSuffix: string): Promise<string> {
    const sheets = await this.#calls.run(() => this.#table.list([replay.recordingId]));
    return renderSpriteCues(sheets, (dateMs) => replay.positionOf(dateMs), '../', uriSuffix);
  }

  /** Renders WebVTT for a rewind window as it is now. @param folder as for `renderSpriteCues` */
  async cuesOfRewind(index: RewindIndex, folder: string, uriSuffix: string): Promise<string> {
    const ids = [...new Set(index.files.map(({ recordingId }) => recordingId))];
    const sheets = await this.#calls.run(() => this.#table.list(ids));
    const sinceMs = index.first?.startMs ?? 0;
    const current = sheets.filter(({ timesMs }) => (timesMs[0] ?? 0) >= sinceMs);
    return renderSpriteCues(current, (dateMs) => index.positionOf(dateMs), folder, uriSuffix);
  }
}
