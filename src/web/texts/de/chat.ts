import { number, plural } from '../../locale/format.js';
import type { texts as english } from '../en/chat.js';

export const texts: typeof english = {
  chat: 'Chat',
  empty: 'Noch hat niemand etwas geschrieben.',
  connecting: 'Verbindet …',
  newPoll: 'Neue Umfrage',
  signOut: 'Abmelden',
  signIn: 'Zum Chatten anmelden',
  isAhead: 'Der Chat ist live; du siehst einen früheren Moment.',
  slowMode: (seconds: number) => `Eine Nachricht alle ${number(seconds)} s.`,
  membersOnly: 'Nur für Mitglieder.',
  followersOnly: 'Nur für Follower.',
  emoteOnly: 'Nur Emotes.',
  replay: 'Chat zu dieser Stelle',
  replayEmpty: 'Bis hierher hat niemand etwas geschrieben.',
  mention: 'Erwähnung',
  message: 'Nachricht',
  saySomething: 'Schreib etwas',
  emoji: 'Emoji',
  send: 'Senden',
  faces: 'Gesichter',
  hands: 'Hände',
  hearts: 'Herzen und Zeichen',
  things: 'Dinge',
  messages: 'Nachrichten',
  newMessages: (count: number) => plural(count, { one: '# neue Nachricht ↓', other: '# neue Nachrichten ↓' }),
  jumpToNewest: 'Zur neuesten Nachricht ↓',
  timeOut: (minutes: number) =>
    minutes < 60
      ? plural(minutes, { one: '# Minute stumm schalten', other: '# Minuten stumm schalten' })
      : plural(minutes / 60, { one: '# Stunde stumm schalten', other: '# Stunden stumm schalten' }),
  badges: { broadcaster: 'Streamer', admin: 'Administrator', moderator: 'Moderator' },
  actionsFor: (name: string) => `Aktionen für die Nachricht von ${name}`,
  reply: 'Antworten',
  delete: 'Löschen',
  banForGood: (name: string) => `${name} für immer sperren?`,
  ban: 'Sperren …',
  poll: 'Umfrage',
  close: 'Schließen',
  votes: (count: number) => plural(count, { one: '# Stimme', other: '# Stimmen' }),
  signInToVote: 'Melde dich an, um abzustimmen.',
  pollClosed: 'Die Umfrage ist beendet.',
  closePoll: 'Umfrage beenden',
  question: 'Frage',
  answer: (place: number) => `Antwort ${place}`,
  anotherAnswer: 'Weitere Antwort',
  openFor: 'Dauer',
  minutes: (minutes: number) =>
    minutes < 60
      ? plural(minutes, { one: '# Minute', other: '# Minuten' })
      : plural(minutes / 60, { one: '# Stunde', other: '# Stunden' }),
  startPoll: 'Umfrage starten',
  cancel: 'Abbrechen',
  reactions: 'Reaktionen',
  react: (reaction: string, count: number) =>
    count > 0 ? `Mit ${reaction} reagieren, gerade ${number(count)}` : `Mit ${reaction} reagieren`,
};
