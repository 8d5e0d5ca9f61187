import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../../platform/index.js';

/** Common Media Client Data of one request of a player (CTA-5004). */
export type CmcdSample = {
  streamId: string;
  broadcastId: string;
  /** Hash of the session id: tells sessions of a broadcast apart. */
  session?: number | undefined;
  bufferMs?: number | undefined;
  /** Measured throughput, kbit/s. */
  throughputKbps?: number | undefined;
  /** The buffer was empty since the request before. */
  isStarved: boolean;
  /** Needed at once: at the start, after seeking, with an empty buffer. */
  isUrgent: boolean;
};

export type CmcdReaderOptions = {
  clock: Clock;
  record(sample: CmcdSample): void;
};

const HEADERS = ['cmcd-request', 'cmcd-object', 'cmcd-status', 'cmcd-session'] as const;
/** Samples that are read in a second; further ones of that second are left out. */
const SAMPLES_PER_SECOND = 500;
const MAXIMUM_LENGTH = 2_048;
const MAXIMUM_SESSION_LENGTH = 64;
/** Bounds of the numbers: ten minutes, 10 Gbit/s. */
const MAXIMUM_BUFFER_MS = 600_000;
const MAXIMUM_KBPS = 10_000_000;
/** Key, and value where there is one: a string in quotes (RFC 8941, 3.3.3), a number or a token. */
const PAIR = /(?:^|,)\s*([a-z][\w-]*)(?:=("(?:[^"\\]|\\.)*"|[^,"]*))?/gi;

/** Reads the client data of requests: of a sample, because every part of every viewer may bring some. */
export class CmcdReader {
  readonly #options: CmcdReaderOptions;
  #secondMs = 0;
  #samples = 0;

  constructor(options: CmcdReaderOptions) {
    this.#options = options;
  }

  /** @param query the decoded query argument `CMCD` */
  read(place: { streamId: string; broadcastId: string }, headers: IncomingHttpHeaders, query: unknown): void {
    const hasHeaders = HEADERS.some((name) => headers[name] !== undefined);
    if ((!hasHeaders && query === undefined) || !this.#mayRead()) return;
    const texts = HEADERS.map((name) => headers[name]);
    const sample = parseCmcd([...texts, query]);
    const { streamId, broadcastId } = place;
    if (sample) this.#options.record({ streamId, broadcastId, ...sample });
  }

  #mayRead(): boolean {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs - this.#secondMs >= 1_000) {
      this.#secondMs = nowMs;
      this.#samples = 0;
    }
    this.#samples += 1;
    return this.#samples <= SAMPLES_PER_SECOND;
  }
}

/** Returns the decoded query argument `CMCD` of an address. */
export function cmcdArgument(url: string): string | undefined {
  const at = url.indexOf('CMCD=', url.indexOf('?') + 1);
  if (at < 0) return undefined;
  const end = url.indexOf('&', at);
  try {
    return decodeURIComponent(url.slice(at + 'CMCD='.length, end < 0 ? undefined : end));
  } catch {
    return undefined;
  }
}

/** Reads the keys that count from lists of pairs. @returns undefined where none is valid */
export function parseCmcd(
  texts: readonly unknown[],
): Omit<CmcdSample, 'streamId' | 'broadcastId'> | undefined {
  const values = new Map<string, string>();
  for (const text of texts) {
    if (typeof text !== 'string' || text.length > MAXIMUM_LENGTH) continue;
    for (const [, key, value] of text.matchAll(PAIR)) if (key) values.set(key, value ?? 'true');
  }
  if (values.size === 0) return undefined;
  const isTrue = (key: string): boolean => values.get(key) === 'true';
  return {
    session: sessionOf(values.get('sid')),
    bufferMs: numberOf(values.get('bl'), MAXIMUM_BUFFER_MS),
    throughputKbps: numberOf(values.get('mtp'), MAXIMUM_KBPS),
    ...{ isStarved: isTrue('bs'), isUrgent: isTrue('su') },
  };
}

function numberOf(text: string | undefined, maximum: number): number | undefined {
  if (text === undefined || !/^\d{1,10}(?:\.\d{1,10})?$/.test(text)) return undefined;
  return Math.min(maximum, Number(text));
}

/** FNV-1a, 32 bits. */
function sessionOf(text: string | undefined): number | undefined {
  if (text === undefined || text.length < 3 || text.length > MAXIMUM_SESSION_LENGTH + 2) return undefined;
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return hash;
}
