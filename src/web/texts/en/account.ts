/** Sign-in. */
export const texts = {
  signedInAs: (name: string) => `You are signed in as ${name}.`,
  invited: 'Were you invited to a private stream? Sign in to watch it.',
  signIn: 'Sign in',
  name: 'Name',
  password: 'Password',
  invitation: 'Invitation',
  makeAccount: 'Make the account',
  cancel: 'Cancel',
  haveAccount: 'I have an account',
  newHere: 'New here',
  tryAgain: 'Try again',
  signInAgain: 'Sign in again',
  signInEnded: 'Your sign-in has ended. Sign in again to go on: what you have entered is kept.',
};
