/**
 * Draws the current video frame on the canvas that covers the video; the caller shows it.
 *
 * @returns whether the canvas holds a frame: this one, or one that it shows already
 */
export function drawHeldFrame(video: HTMLVideoElement, still: HTMLCanvasElement): boolean {
  const { videoWidth: width, videoHeight: height } = video;
  if (width === 0 || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return !still.hidden;
  still.width = width;
  still.height = height;
  still.getContext('2d')?.drawImage(video, 0, 0, width, height);
  return true;
}
