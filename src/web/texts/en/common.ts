import { number } from '../../locale/format.js';

/** Frame of every page, and states of its content. */
export const texts = {
  dashboard: 'Dashboard',
  broadcast: 'Broadcast',
  account: 'Account',
  admin: 'Admin',
  loadFailed: 'The page could not be loaded. Check your connection, then load it again.',
  loadAgain: 'Load again',
  noAnswer: 'The server does not answer. Try again.',
  connectionLost: 'The connection to the server was lost. It reconnects automatically.',
  watching: (viewers: number) => `${number(viewers)} watching`,
  signInEnded: 'Your sign-in has ended. Sign in again, then try once more.',
};
