export type VideoChoice = { kind: 'camera'; deviceId?: string } | { kind: 'screen' } | { kind: 'none' };
export type AudioChoice = { kind: 'microphone'; deviceId?: string } | { kind: 'screen' } | { kind: 'none' };
export type CaptureChoice = { video: VideoChoice; audio: AudioChoice; height: number };

export type Devices = { cameras: MediaDeviceInfo[]; microphones: MediaDeviceInfo[] };

export type CaptureOptions = {
  /** There is another track of this kind, or none any more: what is sent must follow. */
  onTrack: (kind: 'video' | 'audio') => void;
  /** A track ended by itself: the screen is no longer shared, a camera was pulled out. */
  onLost: (sentence: string) => void;
};

const FRAME_RATE = 30;

/** Camera, screen and microphone of this machine as one stream, whose tracks come and go as they are chosen. */
export class Capture {
  /** For the preview. */
  readonly stream = new MediaStream();
  readonly #options: CaptureOptions;
  readonly #muted = { video: false, audio: false };
  #choice: CaptureChoice | undefined;
  #turn: Promise<unknown> = Promise.resolve();
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

  /** Sends silence or darkness in place of what is captured; what is captured goes on. */
  mute(kind: 'video' | 'audio', muted: boolean): void {
    this.#muted[kind] = muted;
    for (const track of this.stream.getTracks()) if (track.kind === kind) track.enabled = !muted;
  }

  /** Takes what is chosen; asks the person where the browser insists. One after the other. @throws CaptureError */
  async use(choice: CaptureChoice): Promise<void> {
    const mine = this.#turn.then(() => this.#use(choice));
    this.#turn = mine.catch(() => undefined);
    await mine;
  }

  close(): void {
    this.#closed = true;
    for (const track of this.stream.getTracks()) track.stop();
  }

  async #use(choice: CaptureChoice): Promise<void> {
    const before = this.#choice;
    const wants = {
      video: !same(before?.video, choice.video) || before?.height !== choice.height || !isAlive(this.video),
      audio: !same(before?.audio, choice.audio) || !isAlive(this.audio),
    };
    this.#choice = undefined;
    const screen = wants.video && choice.video.kind === 'screen';
    const camera = wants.video && choice.video.kind === 'camera';
    const microphone = wants.audio && choice.audio.kind === 'microphone';
    // The picker shows both: sound of the screen is only to be had together with its picture.
    const shared = screen || (wants.audio && choice.audio.kind === 'screen');
    let display: MediaStream | undefined;
    let user: MediaStream | undefined;
    try {
      if (shared) display = await captureScreen(choice);
      if (camera || microphone) user = await captureDevices(choice, { camera, microphone });
    } catch (error) {
      for (const track of display?.getTracks() ?? []) track.stop();
      throw new CaptureError(error);
    }
    const fromScreen = choice.video.kind === 'screen' && shared;
    if (wants.video || fromScreen) this.#put('video', (fromScreen ? display : user)?.getVideoTracks()[0]);
    if (wants.audio)
      this.#put('audio', (choice.audio.kind === 'screen' ? display : user)?.getAudioTracks()[0]);
    // What came along unasked.
    for (const track of display?.getTracks() ?? [])
      if (!this.stream.getTracks().includes(track)) track.stop();
    this.#choice = choice;
  }

  #put(kind: 'video' | 'audio', track: MediaStreamTrack | undefined): void {
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
        if (this.stream.getTracks().includes(track)) this.#options.onLost(LOST[kind]);
      });
    }
    this.#options.onTrack(kind);
  }
}

/** What this machine has; names are known only after the person allowed one of them. */
export async function devices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const usable = all.filter(({ deviceId }) => deviceId !== '');
  return {
    cameras: usable.filter(({ kind }) => kind === 'videoinput'),
    microphones: usable.filter(({ kind }) => kind === 'audioinput'),
  };
}

/** Something could not be captured; the message is a sentence for people. */
export class CaptureError extends Error {
  constructor(cause: unknown) {
    super(SENTENCES[cause instanceof DOMException ? cause.name : ''] ?? `Nothing to capture: ${cause}`, {
      cause,
    });
  }
}

const LOST = {
  video: 'The camera or the screen is gone. Choose another picture.',
  audio: 'The microphone is gone. Choose another one.',
} as const;

const SENTENCES: Record<string, string> = {
  NotAllowedError:
    'The browser was not allowed to capture that. Allow it beside the address of the page, and try again.',
  NotFoundError: 'There is no such camera or microphone.',
  NotReadableError: 'The camera or microphone is in use by another program.',
  SecurityError: 'Browsers give camera and microphone only to pages opened by HTTPS, or on this machine.',
};

async function captureScreen({ audio, height }: CaptureChoice): Promise<MediaStream> {
  const display = await mediaDevices().getDisplayMedia({
    video: { height: { max: height }, frameRate: { ideal: FRAME_RATE } },
    audio: audio.kind === 'screen',
  });
  // Without this, browsers prefer sharp letters to movement, and send a few pictures a second.
  for (const track of display.getVideoTracks()) track.contentHint = 'motion';
  return display;
}

async function captureDevices(
  { video, audio, height }: CaptureChoice,
  wants: { camera: boolean; microphone: boolean },
): Promise<MediaStream> {
  const width = Math.round((height * 16) / 9);
  return await mediaDevices().getUserMedia({
    video: wants.camera && {
      ...device(video),
      width: { ideal: width },
      height: { ideal: height },
      frameRate: { ideal: FRAME_RATE },
    },
    audio: wants.microphone && device(audio),
  });
}

function device(choice: VideoChoice | AudioChoice): MediaTrackConstraints {
  return 'deviceId' in choice && choice.deviceId ? { deviceId: { exact: choice.deviceId } } : {};
}

function mediaDevices(): MediaDevices {
  const found: MediaDevices | undefined = navigator.mediaDevices;
  if (!found) throw new DOMException('no media devices', 'SecurityError');
  return found;
}

function same(one: VideoChoice | AudioChoice | undefined, other: VideoChoice | AudioChoice): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** None is as good as a live one: nothing needs to be captured anew. */
function isAlive(track: MediaStreamTrack | undefined): boolean {
  return track?.readyState !== 'ended';
}
