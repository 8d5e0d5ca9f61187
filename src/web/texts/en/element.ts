/** Player element and its documentation. */
export const texts = {
  missing: 'There is nothing to play at this address.',
  notReady: 'This cannot be played yet.',
  unplayable: 'This browser cannot play this video. Use a current browser.',
  noAddress: 'This player has no address: set its attribute “src” to the address of a page to watch.',
  video: 'Video',
};
