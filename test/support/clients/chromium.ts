import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import type { Test } from 'tap';

const EXECUTABLE_PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** No sandbox, as tests run as root in containers; nothing that talks to the world, sleeps in the background or waits for a click. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
];
const AUTOPLAY = '--autoplay-policy=no-user-gesture-required';
const NO_AUTOPLAY = '--autoplay-policy=document-user-activation-required';

/** The browser on this machine: `CHROMIUM_PATH`, or where systems put it; undefined when there is none. */
export function chromiumPath(): string | undefined {
  return process.env.CHROMIUM_PATH || EXECUTABLE_PATHS.find((file) => existsSync(file));
}

/** A camera and a microphone that are always there and never asked for; real addresses in place of mDNS names, which nothing here resolves. */
const FAKE_DEVICES = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
const PLAIN_ADDRESSES = '--disable-features=WebRtcHideLocalIpsWithMdns';

export type ChromiumOptions = {
  /** False: pages may start sound only after a click, as people's browsers have it. */
  autoplay?: boolean;
  /** Pages find a camera and a microphone, made up by the browser, and may use them without asking. */
  fakeDevices?: boolean;
  /** Pages may connect to each other by WebRTC. */
  webrtc?: boolean;
};

/** Starts a headless Chromium. @throws when there is none. */
export async function launchChromium({
  autoplay = true,
  fakeDevices = false,
  webrtc = false,
}: ChromiumOptions = {}): Promise<Browser> {
  const executablePath = chromiumPath();
  if (!executablePath) throw new Error('no Chromium found: install it or set CHROMIUM_PATH');
  return await chromium.launch({
    executablePath,
    headless: true,
    args: [
      ...FLAGS,
      autoplay ? AUTOPLAY : NO_AUTOPLAY,
      ...(fakeDevices ? FAKE_DEVICES : []),
      ...(webrtc ? [PLAIN_ADDRESSES] : []),
    ],
  });
}

/** A headless Chromium for a test; gone when the test is. */
export async function openChromium(t: Test, options?: ChromiumOptions): Promise<Browser> {
  const browser = await launchChromium(options);
  t.teardown(() => browser.close());
  return browser;
}
