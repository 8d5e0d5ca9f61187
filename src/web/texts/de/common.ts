import { number } from '../../locale/format.js';
import type { texts as english } from '../en/common.js';

export const texts: typeof english = {
  dashboard: 'Dashboard',
  broadcast: 'Senden',
  account: 'Konto',
  admin: 'Verwaltung',
  loadFailed: 'Die Seite konnte nicht geladen werden. Prüfe deine Verbindung und lade sie noch einmal.',
  loadAgain: 'Neu laden',
  noAnswer: 'Der Server antwortet nicht. Versuch es noch einmal.',
  connectionLost: 'Die Verbindung zum Server ist abgebrochen. Sie wird automatisch wiederhergestellt.',
  watching: (viewers: number) => `${number(viewers)} Zuschauer`,
  signInEnded: 'Deine Anmeldung ist abgelaufen. Melde dich neu an und versuch es noch einmal.',
};
