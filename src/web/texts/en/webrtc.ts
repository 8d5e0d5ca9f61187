/** Failures of WebRTC sessions. */
export const texts = {
  noAnswer: 'The server does not answer.',
  invalidAnswer: 'The server’s answer is not valid for WHIP or WHEP.',
  noLayers: 'The server does not support layer selection.',
  refusedWith: (status: number) => `The server refused with status ${status}.`,
};
