import { readFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../../../src/platform/index.js';
import type { LocalTransport } from '../../../src/webrtc/index.js';

/** Names of recorded client offers. */
export const OFFERS = ['chromium-simulcast', 'chromium-view', 'firefox', 'gstreamer', 'obs'] as const;
export type OfferName = (typeof OFFERS)[number];

/** Reads a client's offer with CRLF line ends. */
export function offerText(name: OfferName): string {
  const file = path.join(projectRoot(), 'test/support/media/offers', `${name}.sdp`);
  return readFileSync(file, 'utf8').replaceAll('\n', '\r\n');
}

/** Local transport as a worker would report it. */
export const LOCAL: LocalTransport = {
  iceUfrag: 'WxYz',
  icePwd: 'abcdefghijklmnopqrstuv12',
  fingerprint: `sha-256 ${Array<string>(32).fill('AB').join(':')}`,
  setup: 'active',
  candidates: ['1 1 UDP 2122317823 192.0.2.1 8189 typ host', '2 1 UDP 2122317567 2001:db8::1 8189 typ host'],
};
