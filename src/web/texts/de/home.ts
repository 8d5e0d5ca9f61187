import { number } from '../../locale/format.js';
import type { texts as english } from '../en/home.js';

export const texts: typeof english = {
  liveNow: 'Jetzt live',
  emptyWithRecordings:
    'Sieh dir solange eine Aufzeichnung an, oder geh selbst live: mit OBS oder direkt aus diesem Browser.',
  empty: 'Geh live mit OBS oder aus diesem Browser: Das Dashboard zeigt, wie es geht.',
  goLive: 'Live gehen',
  upcoming: 'Demnächst',
  recentRecordings: 'Neue Aufzeichnungen',
  recentClips: 'Neue Clips',
  recentVideos: 'Neue Videos',
  unreachable: 'Der Server antwortet nicht. Neuer Versuch …',
  loading: 'Wird geladen …',
  nothingLive: 'Gerade ist nichts live. Sobald sich das ändert, erscheint es hier von selbst.',
  streamsLive: (count: number) =>
    count === 1 ? 'Ein Stream ist live.' : `${number(count)} Streams sind live.`,
  startsSoon: 'Beginnt gleich',
  startsIn: (duration: string) => `Beginnt in ${duration}`,
  startsAt: (time: string) => `Beginn: ${time}`,
  searchLabel: 'Titel, Schlagwörter und Streamer durchsuchen',
  search: 'Suchen',
  resultsFor: 'Ergebnisse für',
  nothingFound:
    'Nichts Öffentliches enthält diese Wörter. Versuch es mit weniger Wörtern oder mit einem Wortanfang.',
  seeLive: 'Zeigen, was live ist',
  channels: 'Kanäle',
  liveAndUpcoming: 'Live und demnächst',
  recordings: 'Aufzeichnungen',
  clips: 'Clips',
  videos: 'Videos',
  searching: 'Sucht …',
  results: (count: number) => (count === 1 ? 'Ein Ergebnis.' : `${number(count)} Ergebnisse.`),
  live: 'Live',
  waiting: 'Wartet',
  uploaded: (ago: string) => `${ago} hochgeladen`,
  recorded: (ago: string) => `${ago} aufgezeichnet`,
  clipped: (ago: string) => `${ago} erstellt`,
};
