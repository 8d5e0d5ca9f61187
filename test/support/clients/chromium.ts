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

/** No sandbox, as tests run as root in containers; no background networking or throttling. */
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

/** Finds the browser: `CHROMIUM_PATH` or the usual paths; undefined when there is none. */
export function chromiumPath(): string | undefined {
  return process.env.CHROMIUM_PATH || EXECUTABLE_PATHS.find((file) => existsSync(file));
}

/** Fake camera and microphone without prompts; host addresses instead of mDNS names, which do not resolve here. */
const FAKE_DEVICES = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
const PLAIN_ADDRESSES = '--disable-features=WebRtcHideLocalIpsWithMdns';

export type ChromiumOptions = {
  /** False: audio needs a user gesture, as in browsers' default. */
  autoplay?: boolean;
  /** Provides a fake camera and microphone without prompts. */
  fakeDevices?: boolean;
  /** Lets pages connect to each other by WebRTC. */
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

/** Starts a headless Chromium; closed with the test. */
export async function openChromium(t: Test, options?: ChromiumOptions): Promise<Browser> {
  const browser = await launchChromium(options);
  t.teardown(() => browser.close());
  return browser;
}
