/** Documentation of the player element. */
export const texts = {
  title: 'The player on other sites',
  loadFailed: 'The player could not be loaded. Reload the page.',
  introduction:
    'One script and one element show a livestream, recording, clip or video of this server in any page. No cookies are used. Private media do not play.',
  address: 'Address to play in the examples',
  simple: 'Simple',
  ownLook: 'Own look and own buttons',
  withoutScript: 'Without a script',
  frame:
    'A frame does without. Sites that know oEmbed, such as WordPress, make one from the address of the page.',
  attributesTitle: 'Attributes',
  eventsTitle: 'Events',
  membersTitle: 'Properties and methods',
  partsTitle: 'CSS parts',
  shape:
    'The element is as wide as its place and has the shape 16:9, which CSS can change. Its colours are the custom properties',
  and: 'and',
  play: 'Play',
  pause: 'Pause',
  state: (state: string) => `State: ${state}`,
  attributes: [
    ['src', 'Address of the page of a livestream, recording, clip or video'],
    ['autoplay', 'Plays at once; without sound where the browser asks for a click first'],
    ['muted', 'Begins without sound'],
    ['delivery', 'auto (default): WebRTC, and HLS where that fails; webrtc; hls'],
    ['poster', 'Address of a picture in place of the one from the media'],
    ['label', 'Name for screen readers; default: the title'],
    [
      'lang',
      'Language of the texts: en or de; default: that of the browser. The first player of a page chooses for all of them',
    ],
  ],
  events: [
    ['statechange', 'detail: {state, phase, delivery, title}'],
    ['error', 'There is nothing to play at the address, or this browser cannot play it; detail as above'],
    ['play, pause, playing, waiting, ended, timeupdate, volumechange', 'As those of a video element'],
  ],
  members: [
    ['state', 'loading, live, waiting (for the broadcaster), offline, recorded, missing or unplayable'],
    ['play(), pause()', 'Start and stop playback'],
    ['paused, muted, volume, currentTime', 'As those of a video element'],
    ['stats()', 'Counters: latency, stalls, bitrate, dropped frames'],
  ],
  parts: [
    ['frame', 'The whole player'],
    ['video', 'The picture'],
    ['notice', 'Sentence and button over the picture'],
    ['unmute', 'Button that switches the sound on'],
  ],
};
