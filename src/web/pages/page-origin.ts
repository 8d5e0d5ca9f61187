/** Rewrites a URL to the page's origin: the server may announce another host name. @param token viewer token */
export function onPageOrigin(address: string, token: string | undefined): string {
  const url = new URL(new URL(address, location.href).pathname, location.origin);
  if (token !== undefined) url.searchParams.set('v', token);
  return url.href;
}
