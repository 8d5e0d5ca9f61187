/** Reading of the server's clock by one request. */
export type ClockReading = {
  /** Milliseconds of this browser's monotonic clock. */
  sentAtMs: number;
  receivedAtMs: number;
  /** Unix ms. */
  serverMs: number;
};

export type ClockOffset = {
  /** Added to the monotonic clock it gives the server's time, Unix ms. */
  offsetMs: number;
  /** Largest error, ms: half of the round trip. */
  errorMs: number;
};

const READINGS = 5;
/** Interval between readings of one measurement, so that they do not queue behind each other, ms. */
const READING_INTERVAL_MS = 150;
const READING_TIMEOUT_MS = 5_000;
/** Age at which the offset is measured again, ms: crystals drift by up to 50 ms in this time. */
const MAXIMUM_AGE_MS = 300_000;
const RETRY_MS = 10_000;
/** Change of wall clock against monotonic clock that shows a sleep, in which browsers stop the monotonic clock, ms. */
const SLEEP_MS = 1_000;
/** Mean of what a Date header, in whole seconds, leaves out, ms. */
const DATE_HEADER_ROUNDING_MS = 500;

/** Returns the offset by the reading with the shortest round trip; undefined without readings. */
export function offsetOf(readings: readonly ClockReading[]): ClockOffset | undefined {
  let best: ClockOffset | undefined;
  for (const { sentAtMs, receivedAtMs, serverMs } of readings) {
    const errorMs = (receivedAtMs - sentAtMs) / 2;
    if (!Number.isFinite(serverMs) || errorMs < 0) continue;
    if (!best || errorMs < best.errorMs) best = { offsetMs: serverMs - (sentAtMs + errorMs), errorMs };
  }
  return best;
}

/** The server's clock as this browser knows it, whatever its own clock shows. */
export class ServerClock {
  readonly #read: () => Promise<number>;
  #measured: ClockOffset | undefined;
  /** Offset by the Date header of an answer of the API, while nothing better is known. */
  #roughOffsetMs: number | undefined;
  #measuredAtMs = Number.NEGATIVE_INFINITY;
  #attemptedAtMs = Number.NEGATIVE_INFINITY;
  #measuring: Promise<void> | undefined;
  /** Wall clock minus monotonic clock at the measurement. */
  #wallOffsetMs = 0;

  /** @param read requests the server's time, Unix ms */
  constructor(read: () => Promise<number>) {
    this.#read = read;
  }

  /** Returns the server's time, Unix ms: measured, else by the last Date header, else that of this browser. */
  now(): number {
    const nowMs = performance.now();
    const offsetMs = this.#measured?.offsetMs ?? this.#roughOffsetMs;
    return offsetMs === undefined ? Date.now() : nowMs + offsetMs;
  }

  /** Returns the server's time where it is known to a fraction of a second; measures it where it is not. */
  measuredNow(): number | undefined {
    const nowMs = performance.now();
    const hasSlept = Math.abs(Date.now() - nowMs - this.#wallOffsetMs) > SLEEP_MS;
    const isOld = nowMs - this.#measuredAtMs > MAXIMUM_AGE_MS || hasSlept;
    if (isOld && nowMs - this.#attemptedAtMs > RETRY_MS) void this.measure();
    return this.#measured && nowMs + this.#measured.offsetMs;
  }

  /** Takes the Date header of an answer. */
  noteDate(header: string | null): void {
    const dateMs = Date.parse(header ?? '');
    if (Number.isFinite(dateMs)) this.#roughOffsetMs = dateMs + DATE_HEADER_ROUNDING_MS - performance.now();
  }

  /** Measures the offset. Never rejects. */
  measure(): Promise<void> {
    this.#measuring ??= this.#takeReadings().finally(() => {
      this.#measuring = undefined;
    });
    return this.#measuring;
  }

  async #takeReadings(): Promise<void> {
    this.#attemptedAtMs = performance.now();
    const readings: ClockReading[] = [];
    for (let count = 0; count < READINGS; count++) {
      if (count > 0) await new Promise((resolve) => setTimeout(resolve, READING_INTERVAL_MS));
      const sentAtMs = performance.now();
      try {
        const serverMs = await this.#read();
        readings.push({ sentAtMs, receivedAtMs: performance.now(), serverMs });
      } catch {
        // The other readings count.
      }
    }
    const measured = offsetOf(readings);
    if (!measured) return;
    this.#measured = measured;
    this.#measuredAtMs = performance.now();
    this.#wallOffsetMs = Date.now() - this.#measuredAtMs;
  }
}

/** Clock of the gateway that served the page. */
export const serverClock = new ServerClock(async () => {
  const response = await fetch('/dash/time', { signal: AbortSignal.timeout(READING_TIMEOUT_MS) });
  return Date.parse(await response.text());
});
