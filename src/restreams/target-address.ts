import { PublicError, type TargetPolicy } from '../platform/index.js';
import type { TargetProtocol, TargetRequest, TargetSecret } from './restream-target.js';

export type TargetAddress = {
  protocol: TargetProtocol;
  secret: TargetSecret;
  shownUrl: string;
  shownKey: string | null;
};

/** Parts of an RTMP address. */
export type RtmpAddress = { host: string; port: number; secure: boolean; app: string; tcUrl: string };

const PROTOCOLS: Record<string, TargetProtocol> = {
  'rtmp:': 'rtmp',
  'rtmps:': 'rtmps',
  'srt:': 'srt',
  'http:': 'whip',
  'https:': 'whip',
};
const SCHEMES = ['rtmp', 'rtmps', 'srt', 'https', 'http'];
const RTMP_PORTS = { rtmp: 1935, rtmps: 443 } as const;
const MAXIMUM_URL_CHARACTERS = 1_000;
/** Keys go into AMF0 strings, HTTP headers and SRT stream ids: visible ASCII. */
const KEY = /^[\x21-\x7e]{1,500}$/;
/** Limits of libsrt. */
const SRT_STREAM_ID_CHARACTERS = 512;
const SRT_PASSPHRASE = /^[\x20-\x7e]{10,79}$/;
const SRT_PARAMETERS: Record<string, RegExp> = {
  latency: /^\d{1,4}$/,
  pbkeylen: /^(16|24|32)$/,
  mode: /^caller$/,
};
/** Keys at least this long show their last characters. */
const SHOWN_FROM_CHARACTERS = 12;
const SHOWN_CHARACTERS = 4;
const HIDDEN = '…';

/**
 * Checks where a target is and separates what is secret. Resolves no host: that is done for every connection.
 *
 * @throws PublicError 400 `url_not_allowed`, `restream_key_invalid`
 */
export function parseTarget(
  request: Pick<TargetRequest, 'url' | 'key' | 'passphrase'>,
  policy: TargetPolicy,
): TargetAddress {
  const { url: text, key, passphrase } = request;
  if (text.length > MAXIMUM_URL_CHARACTERS || /[^\x21-\x7e]/.test(text))
    throw notAllowed(`The URL may have ${MAXIMUM_URL_CHARACTERS} visible ASCII characters at most.`);
  const url = policy.check(text, SCHEMES);
  if (url.port === '0') throw notAllowed('The URL must not have port 0.');
  const protocol = PROTOCOLS[url.protocol]!;
  if (passphrase !== undefined && protocol !== 'srt') throw badKey('Only SRT targets have a passphrase.');
  if (protocol === 'srt') return srtTarget(url, key, passphrase);
  return protocol === 'whip' ? whipTarget(url, key) : rtmpTarget(protocol, url, key);
}

/** Reads the address of an RTMP target that `parseTarget` accepted. */
export function rtmpAddress(secret: TargetSecret): RtmpAddress {
  const url = new URL(secret.url);
  const secure = url.protocol === 'rtmps:';
  const port = url.port === '' ? RTMP_PORTS[secure ? 'rtmps' : 'rtmp'] : Number(url.port);
  const app = `${url.pathname}${url.search}`.replace(/^\/+/, '');
  return { host: hostOf(url), port, secure, app, tcUrl: secret.url };
}

/** Returns the host of a URL without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function rtmpTarget(protocol: 'rtmp' | 'rtmps', url: URL, given: string | undefined): TargetAddress {
  let key = given;
  const segments = url.pathname.split('/').filter(Boolean);
  if (key === undefined && segments.length > 1) {
    key = `${segments.pop()}${url.search}`;
    url.search = '';
  }
  if (key === undefined) throw badKey('RTMP targets need the stream key of the other platform.');
  if (segments.length === 0)
    throw notAllowed('The URL must name an application: rtmp://HOST/APPLICATION, such as rtmp://HOST/live.');
  url.pathname = `/${segments.join('/')}`;
  requireKey(key);
  return { protocol, secret: { url: url.href, key }, shownUrl: shown(url, true), shownKey: masked(key) };
}

function whipTarget(url: URL, key: string | undefined): TargetAddress {
  if (key !== undefined) requireKey(key);
  const secret = { url: url.href, ...(key === undefined ? {} : { key }) };
  // Without a token the path itself may be the secret.
  const shownUrl = shown(url, key !== undefined);
  return { protocol: 'whip', secret, shownUrl, shownKey: key === undefined ? null : masked(key) };
}

function srtTarget(
  url: URL,
  givenKey: string | undefined,
  givenPassphrase: string | undefined,
): TargetAddress {
  if (url.port === '') throw notAllowed('SRT targets need a port: srt://HOST:PORT.');
  if (url.pathname !== '' && url.pathname !== '/')
    throw notAllowed('SRT URLs have no path: srt://HOST:PORT.');
  const { searchParams } = url;
  const key = givenKey ?? searchParams.get('streamid') ?? undefined;
  const passphrase = givenPassphrase ?? searchParams.get('passphrase') ?? undefined;
  searchParams.delete('streamid');
  searchParams.delete('passphrase');
  for (const [name, value] of searchParams)
    if (!SRT_PARAMETERS[name]?.test(value))
      throw notAllowed(
        'SRT URLs may have the parameters streamid, passphrase, latency (ms), pbkeylen (16, 24, 32) and mode=caller.',
      );
  if (key !== undefined) requireKey(key, SRT_STREAM_ID_CHARACTERS);
  if (passphrase !== undefined && !SRT_PASSPHRASE.test(passphrase))
    throw badKey('An SRT passphrase has 10 to 79 printable ASCII characters.');
  const secret = {
    url: url.href,
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
  return { protocol: 'srt', secret, shownUrl: url.href, shownKey: key === undefined ? null : masked(key) };
}

function requireKey(key: string, maximum = Number.POSITIVE_INFINITY): void {
  if (!KEY.test(key) || key.length > maximum)
    throw badKey('A key has 1 to 500 visible ASCII characters: copy it again from the other platform.');
}

/** Returns a URL without its query, and without its path unless that is no secret. */
function shown(url: URL, withPath: boolean): string {
  const path = withPath || url.pathname === '/' ? url.pathname : `/${HIDDEN}`;
  return `${url.protocol}//${url.host}${path}${url.search === '' ? '' : `?${HIDDEN}`}`;
}

function masked(key: string): string {
  return key.length < SHOWN_FROM_CHARACTERS ? HIDDEN : `${HIDDEN}${key.slice(-SHOWN_CHARACTERS)}`;
}

function notAllowed(message: string): PublicError {
  return new PublicError(400, 'url_not_allowed', message);
}

function badKey(message: string): PublicError {
  return new PublicError(400, 'restream_key_invalid', message);
}
