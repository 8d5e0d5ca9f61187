-- Ladders of single livestreams: the encoded renditions of their broadcasts.

alter table livestreams
  -- [{"height", "bitrate", "frameRate"?}], best first; null: the gateway's.
  add column ladder jsonb check (jsonb_typeof(ladder) = 'array');

alter table broadcasts
  -- The livestream's when the broadcast began: a later one is for the next broadcast.
  add column ladder jsonb;
