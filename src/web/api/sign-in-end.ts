const listeners = new Set<() => void>();

/** Calls a listener when the server does not accept the sign-in of this page any more. @returns ends that */
export function onSignInEnd(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Tells pages that need a sign-in, which offer another one.
 *
 * @param code of the API's error
 * @param isSignedIn the request was that of a user who is signed in
 * @returns whether the sign-in has ended, or another one began in another tab
 */
export function noteSignInEnd(code: string | undefined, isSignedIn: boolean): boolean {
  const hasEnded = code === 'not_signed_in' || (code === 'csrf_failed' && isSignedIn);
  if (hasEnded) for (const listener of listeners) listener();
  return hasEnded;
}
