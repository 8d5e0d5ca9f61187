/**
 * Phase of the player. `none`: no player; `loading`: nothing rendered yet; `waiting`: stalled; `refused`: the autoplay
 * policy requires a click; `ended`: the broadcast ended and was played to its end; `broken`: failed, retrying.
 */
export type PlayerPhase =
  | 'none'
  | 'loading'
  | 'playing'
  | 'waiting'
  | 'paused'
  | 'refused'
  | 'ended'
  | 'broken';
