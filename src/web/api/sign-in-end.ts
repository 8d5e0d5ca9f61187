/** @param isChange the refused request was a change, which the user waits for */
type SignInEndListener = (isChange: boolean) => void;

const listeners = new Set<SignInEndListener>();

/** Calls a listener when the server does not accept the sign-in of this page any more. @returns ends that */
export function onSignInEnd(listener: SignInEndListener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Tells pages that need a sign-in, which offer another one.
 *
 * @param code of the API's error
 * @param isChange the request was a change by a user who was signed in
 * @returns whether the sign-in has ended, or another one began in another tab
 */
export function noteSignInEnd(code: string | undefined, isChange: boolean): boolean {
  const hasEnded = code === 'not_signed_in' || (code === 'csrf_failed' && isChange);
  if (hasEnded) for (const listener of listeners) listener(isChange);
  return hasEnded;
}
