/** Skip boundary in target durations (RFC 8216bis, 4.4.3.8: at least 6). */
export const SKIP_TARGETS = 6;
/** Distance from the end, in target durations, within which parts are listed (6.2.2). */
export const PART_TARGETS = 3;
/** HOLD-BACK in target durations (4.4.3.8: at least 3). */
export const HOLD_BACK_TARGETS = 3;
/** PART-HOLD-BACK in part targets (4.4.3.8: at least 3 recommended). */
export const PART_HOLD_BACK_PARTS = 3;
/** Maximum time of a blocked request in target durations (6.2.5.2). */
export const BLOCK_TARGETS = 3;
/** Maximum distance of a requested segment from the last one (6.2.5.2). */
export const ADVANCE_SEGMENTS = 2;
/** Minimum duration of a live playlist in target durations (6.2.2). */
export const WINDOW_TARGETS = 3;
