import type { texts as english } from '../en/player-page.js';

export const texts: typeof english = {
  title: 'Der Player auf anderen Websites',
  loadFailed: 'Der Player konnte nicht geladen werden. Lade die Seite neu.',
  introduction:
    'Ein Skript und ein Element zeigen einen Livestream, eine Aufzeichnung, einen Clip oder ein Video dieses Servers auf jeder Seite. Cookies werden nicht benutzt. Private Medien werden nicht abgespielt.',
  address: 'Adresse für die Beispiele',
  simple: 'Einfach',
  ownLook: 'Eigenes Aussehen und eigene Knöpfe',
  withoutScript: 'Ohne Skript',
  frame:
    'Ein Frame kommt ohne aus. Websites, die oEmbed kennen, etwa WordPress, machen ihn aus der Adresse der Seite.',
  attributesTitle: 'Attribute',
  eventsTitle: 'Ereignisse',
  membersTitle: 'Eigenschaften und Methoden',
  partsTitle: 'CSS-Teile',
  shape:
    'Das Element ist so breit wie sein Platz und hat das Format 16:9, das CSS ändern kann. Seine Farben sind die Custom Properties',
  and: 'und',
  play: 'Wiedergabe',
  pause: 'Pause',
  state: (state: string) => `Zustand: ${state}`,
  attributes: [
    ['src', 'Adresse der Seite eines Livestreams, einer Aufzeichnung, eines Clips oder Videos'],
    ['autoplay', 'Spielt sofort; ohne Ton, wo der Browser zuerst einen Klick verlangt'],
    ['muted', 'Beginnt ohne Ton'],
    ['delivery', 'auto (Vorgabe): WebRTC, und HLS, wo das nicht geht; webrtc; hls'],
    ['poster', 'Adresse eines Bildes anstelle dessen aus dem Medium'],
    ['label', 'Name für Screenreader; Vorgabe: der Titel'],
    [
      'lang',
      'Sprache der Texte: en oder de; Vorgabe: die des Browsers. Der erste Player einer Seite wählt für alle',
    ],
  ],
  events: [
    ['statechange', 'detail: {state, phase, delivery, title}'],
    [
      'error',
      'Unter der Adresse gibt es nichts abzuspielen, oder dieser Browser kann es nicht; detail wie oben',
    ],
    ['play, pause, playing, waiting, ended, timeupdate, volumechange', 'Wie die eines video-Elements'],
  ],
  members: [
    ['state', 'loading, live, waiting (auf den Streamer), offline, recorded, missing oder unplayable'],
    ['play(), pause()', 'Wiedergabe starten und anhalten'],
    ['paused, muted, volume, currentTime', 'Wie die eines video-Elements'],
    ['stats()', 'Zähler: Latenz, Stockungen, Bitrate, ausgelassene Bilder'],
  ],
  parts: [
    ['frame', 'Der ganze Player'],
    ['video', 'Das Bild'],
    ['notice', 'Satz und Knopf über dem Bild'],
    ['unmute', 'Knopf, der den Ton einschaltet'],
  ],
};
