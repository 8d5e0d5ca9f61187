/** Width and height of a picture, pixels. */
export type PictureSize = { width: number; height: number };
