import { broadcastTexts } from '../texts/broadcast.js';
import { Composition } from './composition.js';

/** `both`: the screen with the camera in its corner. */
export type VideoChoice =
  | { kind: 'camera'; deviceId?: string }
  | { kind: 'screen' }
  | { kind: 'both' }
  | { kind: 'none' };
export type AudioChoice = { kind: 'microphone'; deviceId?: string } | { kind: 'screen' } | { kind: 'none' };
/** `height`: pixels; `frameRate`: frames per second. */
export type CaptureChoice = {
  video: VideoChoice;
  audio: AudioChoice;
  height: number;
  frameRate: number;
};

export type Devices = { cameras: MediaDeviceInfo[]; microphones: MediaDeviceInfo[] };

export type CaptureOptions = {
  /** Called when the track of a kind is replaced or removed; the sender must follow. */
  onTrack: (kind: 'video' | 'audio') => void;
  /** Called with a message for the user when a track ends by itself: screen sharing stopped, a camera was unplugged. */
  onLost: (message: string) => void;
};

/** Camera, screen and microphone as one `MediaStream`, whose tracks are replaced as sources are chosen. */
export class Capture {
  /** Captured tracks, for the preview. */
  readonly stream = new MediaStream();
  readonly #options: CaptureOptions;
  readonly #muted = { video: false, audio: false };
  #choice: CaptureChoice | undefined;
  /** Set while screen and camera are captured together. */
  #composition: Composition | undefined;
  #pending: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: CaptureOptions) {
    this.#options = options;
  }

  get video(): MediaStreamTrack | undefined {
    return this.stream.getVideoTracks()[0];
  }

  get audio(): MediaStreamTrack | undefined {
    return this.stream.getAudioTracks()[0];
  }

  muted(kind: 'video' | 'audio'): boolean {
    return this.#muted[kind];
  }

  /** Sends silence or black frames; capture goes on. */
  mute(kind: 'video' | 'audio', muted: boolean): void {
    this.#muted[kind] = muted;
    for (const track of this.stream.getTracks()) if (track.kind === kind) track.enabled = !muted;
  }

  /**
   * Captures the chosen sources, prompting for permission where the browser requires it. Calls run one after the other.
   *
   * @throws CaptureError
   */
  async capture(choice: CaptureChoice): Promise<void> {
    const capturing = this.#pending.then(() => this.#captureChoice(choice));
    this.#pending = capturing.catch(() => undefined);
    await capturing;
  }

  /** Whether a captured device has gone that is plugged in again. */
  canResume({ cameras, microphones }: Devices): boolean {
    const { video, audio } = this.#choice ?? {};
    const isBack = (choice: VideoChoice | AudioChoice | undefined, known: MediaDeviceInfo[]): boolean =>
      choice !== undefined &&
      known.some(({ deviceId }) => !('deviceId' in choice) || choice.deviceId === deviceId);
    const camera = video?.kind === 'camera' && !isNotEnded(this.video) && isBack(video, cameras);
    return camera || (audio?.kind === 'microphone' && !isNotEnded(this.audio) && isBack(audio, microphones));
  }

  close(): void {
    this.#closed = true;
    this.#composition?.close();
    for (const track of this.stream.getTracks()) track.stop();
  }

  async #captureChoice(choice: CaptureChoice): Promise<void> {
    const before = this.#choice;
    const changed = {
      video:
        !sameChoice(before?.video, choice.video) ||
        before?.height !== choice.height ||
        before?.frameRate !== choice.frameRate ||
        !isNotEnded(this.video),
      audio: !sameChoice(before?.audio, choice.audio) || !isNotEnded(this.audio),
    };
    this.#choice = undefined;
    const both = choice.video.kind === 'both';
    const screen = changed.video && (both || choice.video.kind === 'screen');
    const camera = changed.video && (both || choice.video.kind === 'camera');
    const microphone = changed.audio && choice.audio.kind === 'microphone';
    // One picker serves both: screen audio is available only together with screen video.
    const sharesScreen = screen || (changed.audio && choice.audio.kind === 'screen');
    let display: MediaStream | undefined;
    let user: MediaStream | undefined;
    try {
      if (sharesScreen) display = await captureScreen(choice);
      if (camera || microphone) user = await captureDevices(choice, { camera, microphone });
    } catch (error) {
      for (const track of display?.getTracks() ?? []) track.stop();
      throw new CaptureError(error);
    }
    const fromScreen = choice.video.kind === 'screen' && sharesScreen;
    if (changed.video && both) this.#compose(display, user, choice);
    else if (changed.video || fromScreen)
      this.#replaceTrack('video', (fromScreen ? display : user)?.getVideoTracks()[0]);
    if (changed.audio)
      this.#replaceTrack('audio', (choice.audio.kind === 'screen' ? display : user)?.getAudioTracks()[0]);
    // Tracks that the picker added without being chosen.
    for (const track of display?.getTracks() ?? [])
      if (!this.stream.getTracks().includes(track) && !this.#composition?.uses(track)) track.stop();
    this.#choice = choice;
  }

  #compose(display: MediaStream | undefined, user: MediaStream | undefined, choice: CaptureChoice): void {
    const [screen] = display?.getVideoTracks() ?? [];
    const [camera] = user?.getVideoTracks() ?? [];
    const composition = screen && camera && new Composition(screen, camera, choice);
    this.#replaceTrack('video', composition?.track);
    if (this.#closed) composition?.close();
    else this.#composition = composition;
  }

  #replaceTrack(kind: 'video' | 'audio', track: MediaStreamTrack | undefined): void {
    if (kind === 'video') {
      this.#composition?.close();
      this.#composition = undefined;
    }
    for (const old of this.stream.getTracks()) {
      if (old.kind !== kind) continue;
      this.stream.removeTrack(old);
      old.stop();
    }
    if (this.#closed) track?.stop();
    else if (track) {
      track.enabled = !this.#muted[kind];
      this.stream.addTrack(track);
      track.addEventListener('ended', () => {
        if (this.stream.getTracks().includes(track)) this.#options.onLost(broadcastTexts.lostTracks[kind]);
      });
    }
    this.#options.onTrack(kind);
  }
}

/** Lists cameras and microphones. Labels are empty until the user has granted a permission. */
export async function listDevices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const usable = all.filter(({ deviceId }) => deviceId !== '');
  return {
    cameras: usable.filter(({ kind }) => kind === 'videoinput'),
    microphones: usable.filter(({ kind }) => kind === 'audioinput'),
  };
}

/** Capture failed; the message is for the user. */
export class CaptureError extends Error {
  constructor(cause: unknown) {
    super(
      broadcastTexts.captureErrors[cause instanceof DOMException ? cause.name : ''] ??
        broadcastTexts.captureFailed(cause),
      {
        cause,
      },
    );
  }
}

async function captureScreen({ audio, height, frameRate }: CaptureChoice): Promise<MediaStream> {
  const display = await mediaDevices().getDisplayMedia({
    video: { height: { max: height }, frameRate: { ideal: frameRate } },
    audio: audio.kind === 'screen',
  });
  // The default hint for screens favours detail and drops to a few frames a second.
  for (const track of display.getVideoTracks()) track.contentHint = 'motion';
  return display;
}

async function captureDevices(
  { video, audio, height, frameRate }: CaptureChoice,
  wants: { camera: boolean; microphone: boolean },
): Promise<MediaStream> {
  const width = Math.round((height * 16) / 9);
  return await mediaDevices().getUserMedia({
    video: wants.camera && {
      ...deviceConstraint(video),
      width: { ideal: width },
      height: { ideal: height },
      frameRate: { ideal: frameRate },
    },
    audio: wants.microphone && deviceConstraint(audio),
  });
}

function deviceConstraint(choice: VideoChoice | AudioChoice): MediaTrackConstraints {
  return 'deviceId' in choice && choice.deviceId ? { deviceId: { exact: choice.deviceId } } : {};
}

function mediaDevices(): MediaDevices {
  const found: MediaDevices | undefined = navigator.mediaDevices;
  if (!found) throw new DOMException('no media devices', 'SecurityError');
  return found;
}

function sameChoice(one: VideoChoice | AudioChoice | undefined, other: VideoChoice | AudioChoice): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** True for undefined too: a track that was never wanted needs no new capture. */
function isNotEnded(track: MediaStreamTrack | undefined): boolean {
  return track?.readyState !== 'ended';
}
