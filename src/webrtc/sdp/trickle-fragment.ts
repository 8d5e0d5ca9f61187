import { attributeOf, ICE_PWD, ICE_UFRAG, sdpError, sdpLines } from './grammar.js';

/** `application/trickle-ice-sdpfrag` body (RFC 8840). Candidates are counted, never used. */
export type TrickleFragment = {
  /** An ufrag that differs from the session's requests an ICE restart. */
  iceUfrag: string | undefined;
  candidates: number;
};

/** Parses a fragment. @throws PublicError 413 `sdp_too_large`, 400 `sdp_invalid` */
export function parseTrickleFragment(text: string): TrickleFragment {
  const fragment: TrickleFragment = { iceUfrag: undefined, candidates: 0 };
  for (const { type, value: line, number } of sdpLines(text)) {
    if (type !== 'a') continue;
    const { name, value } = attributeOf(line);
    if (name === 'candidate') fragment.candidates++;
    else if (name === 'ice-pwd' && !ICE_PWD.test(value)) throw sdpError('a=ice-pwd is malformed', number);
    else if (name === 'ice-ufrag') {
      if (!ICE_UFRAG.test(value)) throw sdpError('a=ice-ufrag is malformed', number);
      fragment.iceUfrag ??= value;
    }
  }
  return fragment;
}
