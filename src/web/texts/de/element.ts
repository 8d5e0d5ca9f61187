import type { texts as english } from '../en/element.js';

export const texts: typeof english = {
  missing: 'Unter dieser Adresse gibt es nichts abzuspielen.',
  notReady: 'Das lässt sich noch nicht abspielen.',
  unplayable: 'Dieser Browser kann dieses Video nicht abspielen. Nimm einen aktuellen Browser.',
  noAddress:
    'Dieser Player hat keine Adresse: Setz sein Attribut „src“ auf die Adresse einer Seite zum Ansehen.',
  video: 'Video',
};
