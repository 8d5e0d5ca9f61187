import { cameraPlace, composedSize, type Size } from './composed-picture.js';

/** Screen with the camera in its corner, drawn on a canvas. */
export class Composition {
  readonly track: MediaStreamTrack;
  readonly #sources: readonly MediaStreamTrack[];
  readonly #timer: Worker;

  constructor(
    screen: MediaStreamTrack,
    camera: MediaStreamTrack,
    { height, frameRate }: { height: number; frameRate: number },
  ) {
    this.#sources = [screen, camera];
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', { alpha: false });
    const stream = canvas.captureStream(frameRate);
    const [track] = stream.getVideoTracks();
    if (!context || !track) throw new DOMException('no canvas', 'NotSupportedError');
    this.track = track;
    track.contentHint = 'motion';
    const [screenVideo, cameraVideo] = this.#sources.map(playing) as [HTMLVideoElement, HTMLVideoElement];
    this.#timer = new Worker(new URL('./frame-timer.ts', import.meta.url), { type: 'module' });
    this.#timer.onmessage = () => {
      if (screenVideo.videoWidth === 0) return;
      const size = composedSize(sizeOf(screenVideo), height);
      if (canvas.width !== size.width || canvas.height !== size.height) Object.assign(canvas, size);
      context.drawImage(screenVideo, 0, 0, size.width, size.height);
      if (cameraVideo.videoWidth === 0) return;
      const place = cameraPlace(size, sizeOf(cameraVideo));
      context.drawImage(cameraVideo, place.x, place.y, place.width, place.height);
    };
    this.#timer.postMessage(1_000 / frameRate);
    // An event of the composed track: its sources are not in the preview.
    for (const source of this.#sources)
      source.addEventListener('ended', () => {
        this.close();
        track.dispatchEvent(new Event('ended'));
      });
  }

  /** Whether a track is one of the sources. */
  uses(track: MediaStreamTrack): boolean {
    return this.#sources.includes(track);
  }

  close(): void {
    this.#timer.terminate();
    for (const source of this.#sources) source.stop();
    this.track.stop();
  }
}

function playing(track: MediaStreamTrack): HTMLVideoElement {
  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = new MediaStream([track]);
  // Rejects when the composition is closed at once.
  void video.play().catch(() => {});
  return video;
}

function sizeOf({ videoWidth, videoHeight }: HTMLVideoElement): Size {
  return { width: videoWidth, height: videoHeight };
}
