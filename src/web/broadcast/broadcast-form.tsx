import { useState } from 'preact/hooks';
import { number } from '../locale/format.js';
import { broadcastTexts } from '../texts/broadcast.js';
import type { BroadcastSettings } from './broadcast-session.js';
import type { AudioChoice, Devices, VideoChoice } from './capture.js';
import type { CodecPreference } from './encodings.js';
import { storedStreamKey, storeStreamKey } from './stream-key-store.js';

type BroadcastFormProps = {
  devices: Devices;
  onAir: boolean;
  /** Returns the stream key, or undefined when that fails; by default the user enters it. */
  obtainKey: (() => Promise<string | undefined>) | undefined;
  /** Id by which a button elsewhere submits the form, which has none then. */
  formId: string | undefined;
  onPreview: (settings: BroadcastSettings) => void;
  onStart: (streamKey: string, settings: BroadcastSettings) => void;
  onEnd: () => void;
};

const HEIGHTS = [1080, 720, 480, 360];
const FRAME_RATES = [60, 30, 15];
/** Default bit rate by video height, bits per second. */
const DEFAULT_BITRATES: Record<number, number> = {
  1080: 4_500_000,
  720: 2_500_000,
  480: 1_200_000,
  360: 800_000,
};
const BITRATES = [800_000, 1_200_000, 2_500_000, 4_500_000, 6_000_000];

/**
 * Settings of a broadcast. Fields have no name, so that a native form submission cannot put the stream key into the
 * URL.
 */
export function BroadcastForm(props: BroadcastFormProps) {
  const { devices, onAir, obtainKey, formId, onPreview, onStart, onEnd } = props;
  const [streamKey, setStreamKey] = useState(storedStreamKey);
  const [remember, setRemember] = useState(streamKey !== '');
  const [settings, setSettings] = useState<BroadcastSettings>({
    video: { kind: 'camera' },
    audio: { kind: 'microphone' },
    height: 720,
    frameRate: 30,
    bitrate: 2_500_000,
    simulcast: true,
    codec: 'h264',
  });
  const change = (some: Partial<BroadcastSettings>): BroadcastSettings => {
    const next = { ...settings, ...some };
    setSettings(next);
    return next;
  };
  const storeKey = (key: string, keep: boolean): void => storeStreamKey(keep ? key : undefined);

  return (
    <form
      id={formId}
      class="broadcast-form"
      autocomplete="off"
      onSubmit={(event) => {
        event.preventDefault();
        if (onAir) return;
        if (obtainKey) {
          void obtainKey().then((key) => key !== undefined && onStart(key, settings));
          return;
        }
        storeKey(streamKey.trim(), remember);
        onStart(streamKey.trim(), settings);
      }}
    >
      <fieldset>
        <legend>{broadcastTexts.sources}</legend>
        <label>
          {broadcastTexts.video}
          <select
            value={videoValue(settings.video)}
            onChange={(event) => onPreview(change({ video: videoChoice(event.currentTarget.value) }))}
          >
            <option value="camera">{broadcastTexts.camera}</option>
            {devices.cameras.map(({ deviceId, label }, index) => (
              <option key={deviceId} value={`camera:${deviceId}`}>
                {label || broadcastTexts.cameraAt(index + 1)}
              </option>
            ))}
            {isUnplugged(settings.video, devices.cameras) && (
              <option value={videoValue(settings.video)}>{broadcastTexts.cameraUnplugged}</option>
            )}
            <option value="screen">{broadcastTexts.screen}</option>
            <option value="both">{broadcastTexts.both}</option>
            <option value="none">{broadcastTexts.noVideo}</option>
          </select>
        </label>
        <label>
          {broadcastTexts.audio}
          <select
            value={audioValue(settings.audio)}
            onChange={(event) => onPreview(change({ audio: audioChoice(event.currentTarget.value) }))}
          >
            <option value="microphone">{broadcastTexts.microphone}</option>
            {devices.microphones.map(({ deviceId, label }, index) => (
              <option key={deviceId} value={`microphone:${deviceId}`}>
                {label || broadcastTexts.microphoneAt(index + 1)}
              </option>
            ))}
            {isUnplugged(settings.audio, devices.microphones) && (
              <option value={audioValue(settings.audio)}>{broadcastTexts.microphoneUnplugged}</option>
            )}
            <option value="screen">{broadcastTexts.screenAudio}</option>
            <option value="none">{broadcastTexts.noAudio}</option>
          </select>
        </label>
        <button type="button" onClick={() => onPreview(settings)}>
          {broadcastTexts.showPreview}
        </button>
      </fieldset>
      <fieldset disabled={onAir}>
        <legend>{broadcastTexts.quality}</legend>
        <label>
          {broadcastTexts.resolution}
          <select
            value={settings.height}
            onChange={(event) => {
              const height = Number(event.currentTarget.value);
              change({ height, bitrate: DEFAULT_BITRATES[height] ?? settings.bitrate });
            }}
          >
            {HEIGHTS.map((height) => (
              <option key={height} value={height}>
                {height}p
              </option>
            ))}
          </select>
        </label>
        <label>
          {broadcastTexts.frameRate}
          <select
            value={settings.frameRate}
            onChange={(event) => change({ frameRate: Number(event.currentTarget.value) })}
          >
            {FRAME_RATES.map((frameRate) => (
              <option key={frameRate} value={frameRate}>
                {broadcastTexts.perSecond(frameRate)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {broadcastTexts.bitrate}
          <select
            value={settings.bitrate}
            onChange={(event) => change({ bitrate: Number(event.currentTarget.value) })}
          >
            {BITRATES.map((bitrate) => (
              <option key={bitrate} value={bitrate}>
                {number(bitrate / 1_000_000, 1)} Mbit/s
              </option>
            ))}
          </select>
        </label>
        <label>
          {broadcastTexts.codec}
          <select
            value={settings.codec}
            onChange={(event) => change({ codec: event.currentTarget.value as CodecPreference })}
          >
            <option value="h264">{broadcastTexts.h264}</option>
            <option value="vp8">VP8</option>
          </select>
        </label>
        <label class="tick">
          <input
            type="checkbox"
            checked={settings.simulcast}
            onChange={(event) => change({ simulcast: event.currentTarget.checked })}
          />
          {broadcastTexts.simulcast}
        </label>
      </fieldset>
      {!obtainKey && (
        <fieldset disabled={onAir}>
          <legend>{broadcastTexts.destination}</legend>
          <label>
            {broadcastTexts.streamKey}
            <input
              type="password"
              required
              autocomplete="off"
              spellcheck={false}
              value={streamKey}
              onInput={(event) => setStreamKey(event.currentTarget.value)}
            />
          </label>
          <label class="tick">
            <input
              type="checkbox"
              checked={remember}
              onChange={(event) => {
                setRemember(event.currentTarget.checked);
                if (!event.currentTarget.checked) storeKey('', false);
              }}
            />
            {broadcastTexts.rememberKey}
          </label>
        </fieldset>
      )}
      {/* Distinct keys: a reused button that turned into a submit button during the click would submit the form. */}
      {formId !== undefined ? null : onAir ? (
        <button key="end" type="button" class="danger" onClick={onEnd}>
          {broadcastTexts.endBroadcast}
        </button>
      ) : (
        <button key="begin" type="submit" class="primary">
          {broadcastTexts.goLive}
        </button>
      )}
    </form>
  );
}

const videoValue = (choice: VideoChoice): string =>
  choice.kind === 'camera' && choice.deviceId ? `camera:${choice.deviceId}` : choice.kind;
const audioValue = (choice: AudioChoice): string =>
  choice.kind === 'microphone' && choice.deviceId ? `microphone:${choice.deviceId}` : choice.kind;

/** Whether the chosen device is not among those that are plugged in. */
function isUnplugged(choice: VideoChoice | AudioChoice, devices: MediaDeviceInfo[]): boolean {
  return (
    'deviceId' in choice &&
    choice.deviceId !== undefined &&
    !devices.some(({ deviceId }) => deviceId === choice.deviceId)
  );
}

function videoChoice(value: string): VideoChoice {
  if (value === 'screen' || value === 'both' || value === 'none') return { kind: value };
  const deviceId = value.slice('camera:'.length);
  return deviceId ? { kind: 'camera', deviceId } : { kind: 'camera' };
}

function audioChoice(value: string): AudioChoice {
  if (value === 'screen' || value === 'none') return { kind: value };
  const deviceId = value.slice('microphone:'.length);
  return deviceId ? { kind: 'microphone', deviceId } : { kind: 'microphone' };
}
