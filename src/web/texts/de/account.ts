import type { texts as english } from '../en/account.js';

export const texts: typeof english = {
  signedInAs: (name: string) => `Du bist als ${name} angemeldet.`,
  invited: 'Wurdest du zu einem privaten Stream eingeladen? Melde dich an, um ihn zu sehen.',
  signIn: 'Anmelden',
  name: 'Name',
  password: 'Passwort',
  invitation: 'Einladung',
  makeAccount: 'Konto anlegen',
  cancel: 'Abbrechen',
  haveAccount: 'Ich habe ein Konto',
  newHere: 'Neu hier',
  tryAgain: 'Noch einmal versuchen',
  signInAgain: 'Neu anmelden',
  signInEnded:
    'Deine Anmeldung ist abgelaufen. Melde dich neu an, um weiterzumachen: Was du eingegeben hast, bleibt erhalten.',
};
