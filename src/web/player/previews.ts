/** Picture of a moment of a broadcast: a part of a sheet. */
export type Preview = {
  dateMs: number;
  /** Position in the playlist, s. */
  startS: number;
  url: string;
  x: number;
  y: number;
  width: number;
  height: number;
};

/** Moment of a running broadcast by its date, or of a recording by its position. */
export type Moment = { dateMs: number } | { positionS: number };

/** Age after which the list is loaded again while the viewer seeks, ms: sheets are added once a minute. */
const RELOAD_MS = 20_000;
/** Distance of a picture from the moment it is shown for, ms. */
const MAXIMUM_DISTANCE_MS = 30_000;

/** Parses the gateway's WebVTT of previews: the identifier of a cue is a date, its text the address of the picture. */
export function parsePreviews(text: string, baseUrl: string): Preview[] {
  return text.split(/\n\n+/).flatMap((cue) => {
    const [date = '', times, address = ''] = cue.split('\n');
    const dateMs = Date.parse(date);
    const place = /#xywh=(\d+),(\d+),(\d+),(\d+)$/.exec(address);
    if (!times?.includes('-->') || !Number.isFinite(dateMs) || !place) return [];
    const [hours = 0, minutes = 0, seconds = 0] = times.split(' ', 1)[0]?.split(':').map(Number) ?? [];
    const startS = hours * 3_600 + minutes * 60 + seconds;
    const [x = 0, y = 0, width = 0, height = 0] = place.slice(1).map(Number);
    return { dateMs, startS, url: new URL(address.slice(0, place.index), baseUrl).href, x, y, width, height };
  });
}

/** Returns the nearest picture, if there is one near. */
export function previewAt(previews: readonly Preview[], moment: Moment): Preview | undefined {
  const distance = ({ dateMs, startS }: Preview): number =>
    Math.abs('dateMs' in moment ? dateMs - moment.dateMs : (startS - moment.positionS) * 1_000);
  let best: Preview | undefined;
  for (const preview of previews) if (!best || distance(preview) < distance(best)) best = preview;
  return best && distance(best) <= MAXIMUM_DISTANCE_MS ? best : undefined;
}

/** Loads the previews of a rewind window or a recording while the viewer seeks. */
export class Previews {
  readonly #onChange: () => void;
  #url: string | undefined;
  #loadedAtMs = Number.NEGATIVE_INFINITY;
  #previews: Preview[] = [];

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Returns the picture of a moment as far as it is known, and loads what is missing. */
  at(url: string, moment: Moment): Preview | undefined {
    if (url !== this.#url) {
      this.#url = url;
      this.#previews = [];
      this.#loadedAtMs = Number.NEGATIVE_INFINITY;
    }
    if (performance.now() - this.#loadedAtMs > RELOAD_MS) {
      this.#loadedAtMs = performance.now();
      void this.#load(url);
    }
    return previewAt(this.#previews, moment);
  }

  async #load(url: string): Promise<void> {
    try {
      const response = await fetch(url);
      if (!response.ok || url !== this.#url) return;
      this.#previews = parsePreviews(await response.text(), url);
      this.#onChange();
    } catch {
      // Without pictures: tried again while the viewer seeks.
    }
  }
}
