import type { Stream, ViewersResponse } from '../../api/contract.js';
import { studioTexts } from '../texts/studio.js';

export type ViewerMinutes = {
  /** Beginnings of minutes, Unix ms, one after the other. */
  at: number[];
  /** Most viewers at the same time, by protocol. */
  byProtocol: Record<string, number[]>;
};

const MINUTE_MS = 60_000;

/** `12 watching: 3 by WebRTC, 9 by HLS`. */
export function viewersText({ total, byProtocol }: Stream['viewers']): string {
  const protocols = Object.entries(byProtocol)
    .filter(([, count]) => count > 0)
    .map(([protocol, count]) => studioTexts.byProtocol(count, studioTexts.protocols[protocol] ?? protocol));
  return studioTexts.watching(total, protocols);
}

/**
 * Fills minutes without viewers with zeros.
 *
 * @param until end of the last minute, Unix ms
 * @param limit number of minutes
 */
export function filledMinutes(
  history: NonNullable<ViewersResponse['history']>,
  until: number,
  limit: number,
): ViewerMinutes {
  const known = new Map<number, Record<string, number>>(
    history.map(({ minute, byProtocol }) => [Date.parse(minute), byProtocol as Record<string, number>]),
  );
  const last = Math.floor(until / MINUTE_MS) * MINUTE_MS;
  const first = Math.max(Math.min(...known.keys(), last), last - (limit - 1) * MINUTE_MS);
  const at: number[] = [];
  for (let minute = first; minute <= last; minute += MINUTE_MS) at.push(minute);
  const byProtocol = Object.fromEntries(
    Object.keys(studioTexts.protocols).map((protocol) => [
      protocol,
      at.map((minute) => known.get(minute)?.[protocol] ?? 0),
    ]),
  );
  return { at, byProtocol };
}
