import type { texts as english } from '../en/setup.js';

export const texts: typeof english = {
  setUp: 'Einrichten',
  welcome: 'Willkommen bei Headend',
  signedInAs: (name: string) => `Du bist als ${name} angemeldet.`,
  seeLive: 'Zeigen, was live ist',
  linkIncomplete:
    'Der Link ist unvollständig: Öffne den ganzen Link, den du bekommen hast. Hat ihn der Server ausgegeben, dann starte den Server neu, um einen neuen zu bekommen.',
  createYourAccount: 'Leg dein Konto an. Damit meldest du dich auf diesem Server an.',
  name: 'Name',
  password: 'Passwort (mindestens 8 Zeichen)',
  createAccount: 'Konto anlegen',
  firstTitle: 'Titel deines ersten Livestreams',
  myFirstLivestream: 'Mein erster Livestream',
  createLivestream: 'Livestream anlegen',
  youAreLive: 'Du bist live.',
  watchLivestream: 'Livestream ansehen',
  waiting: 'Wartet auf deine Übertragung …',
  withObs: 'Mit OBS',
  obsSteps:
    'Einstellungen → Stream: Plattform „Benutzerdefiniert …“. Einstellungen → Ausgabe: Keyframe-Intervall 2 s.',
  keyShownNow: 'Der Stream-Schlüssel wird nur jetzt angezeigt. Wer ihn hat, kann hier senden.',
  withBrowser: 'Mit diesem Browser',
  browserNote: 'Sende Kamera oder Bildschirm, ohne weitere Software.',
  fromBrowser: 'Aus diesem Browser senden',
};
