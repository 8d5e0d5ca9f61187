import { readFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../../../src/platform/index.js';
import type { LocalTransport } from '../../../src/webrtc/index.js';

/** Offers as clients make them. */
export const OFFERS = ['chromium-simulcast', 'chromium-view', 'firefox', 'gstreamer', 'obs'] as const;
export type OfferName = (typeof OFFERS)[number];

/** The text of a client's offer, with the line ends that it has on the wire. */
export function offerText(name: OfferName): string {
  const file = path.join(projectRoot(), 'test/support/media/offers', `${name}.sdp`);
  return readFileSync(file, 'utf8').replaceAll('\n', '\r\n');
}

/** Our side of a transport, as a worker might tell it. */
export const LOCAL: LocalTransport = {
  iceUfrag: 'WxYz',
  icePwd: 'abcdefghijklmnopqrstuv12',
  fingerprint: `sha-256 ${Array<string>(32).fill('AB').join(':')}`,
  setup: 'active',
  candidates: ['1 1 UDP 2122317823 192.0.2.1 8189 typ host', '2 1 UDP 2122317567 2001:db8::1 8189 typ host'],
};
