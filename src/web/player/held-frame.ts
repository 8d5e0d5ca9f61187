/**
 * Draws the picture of this moment on the canvas that lies over the video; showing it is left to the caller.
 *
 * @returns whether the canvas has a picture to show: this one, or one that it shows already.
 */
export function holdPicture(video: HTMLVideoElement, still: HTMLCanvasElement): boolean {
  const { videoWidth: width, videoHeight: height } = video;
  if (width === 0 || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return !still.hidden;
  still.width = width;
  still.height = height;
  still.getContext('2d')?.drawImage(video, 0, 0, width, height);
  return true;
}
