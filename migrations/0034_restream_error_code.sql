-- Stable code of `error`, by which clients translate it.

alter table restream_targets add column error_code text;
