/** Skipped segments are older than so many target durations (RFC 8216bis, 4.4.3.8: at least 6). */
export const SKIP_TARGETS = 6;
/** Parts are listed for so many target durations from the end (6.2.2). */
export const PART_TARGETS = 3;
/** HOLD-BACK in target durations (4.4.3.8: at least 3). */
export const HOLD_BACK_TARGETS = 3;
/** PART-HOLD-BACK in part targets (4.4.3.8: at least 3 recommended). */
export const PART_HOLD_BACK_PARTS = 3;
/** A blocked request waits no longer than so many target durations (6.2.5.2). */
export const BLOCK_TARGETS = 3;
/** A request may be so many segments ahead of the last one (6.2.5.2). */
export const ADVANCE_SEGMENTS = 2;
