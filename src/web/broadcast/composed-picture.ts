/** Width of the camera as a share of the picture, and its distance from the corner. */
const CAMERA_SHARE = 0.25;
const MARGIN_SHARE = 0.02;

export type Size = { width: number; height: number };

/** Size of the composed picture, in even pixels: that of the screen, at most of a height. */
export function composedSize(screen: Size, maximumHeight: number): Size {
  const height = Math.min(screen.height, maximumHeight);
  const even = (pixels: number): number => Math.max(2, Math.round(pixels / 2) * 2);
  return { width: even((screen.width * height) / Math.max(1, screen.height)), height: even(height) };
}

/** Place of the camera: the lower right corner. */
export function cameraPlace(picture: Size, camera: Size): Size & { x: number; y: number } {
  const width = picture.width * CAMERA_SHARE;
  const height = (width * camera.height) / Math.max(1, camera.width);
  const margin = picture.width * MARGIN_SHARE;
  return { x: picture.width - width - margin, y: picture.height - height - margin, width, height };
}
