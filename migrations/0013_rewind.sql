-- Rewind windows: the last hours of a broadcast that is not recorded, in recordings that follow each other.

alter table recordings
  -- recording: kept; rewind: a part of the window in which viewers can rewind, deleted when it is older than that.
  add column purpose text not null default 'recording' check (purpose in ('recording', 'rewind'));

drop index recordings_open;
create unique index recordings_open on recordings (broadcast_id) where state = 'recording' and purpose = 'recording';

-- Numbers of segments that a start of the gateway has skipped: msn - msn_offset counts the segments of a broadcast.
alter table recording_files add column msn_offset integer not null default 0;

-- Previews: sheets of tiles from keyframes, and a poster, as JPEG. About a thousandth of their recording.
create table recording_sprites (
  recording_id uuid not null references recordings (id) on delete cascade,
  number integer not null,
  -- Times of the tiles from left to right, Unix ms.
  times_ms double precision[] not null,
  image bytea not null,
  primary key (recording_id, number)
);

alter table recordings add column poster bytea;
