-- The files of videos have to be moved by hand: from RECORDINGS_DIR/ID to RECORDINGS_DIR/videos/ID. Videos that are in an object
-- store only have to be copied there first.
alter table videos drop column release_wanted;
create table video_files (
  video_id uuid not null references videos (id) on delete cascade,
  number integer not null,
  rendition text not null,
  kind text not null check (kind in ('video', 'audio')),
  codec text not null,
  width integer,
  height integer,
  frame_rate double precision,
  channels integer,
  init_bytes integer not null,
  byte_lengths integer[] not null,
  fragments integer[] not null,
  durations_s double precision[] not null,
  decode_times_s double precision[] not null,
  primary key (video_id, number)
);

insert into video_files
select f.recording_id, f.number, f.rendition, f.kind, f.codec, f.width, f.height, f.frame_rate, f.channels, f.init_bytes,
  array_agg(s.byte_length order by s.msn), array_agg(s.fragments order by s.msn), array_agg(s.duration_s order by s.msn),
  array_agg(s.decode_time_s order by s.msn)
from recording_files f
  join recordings r on r.id = f.recording_id and r.purpose = 'video' and r.state = 'ready'
  join videos v on v.id = r.id
  join recording_segments s on s.recording_id = f.recording_id and s.file_number = f.number
group by f.recording_id, f.number;

delete from recordings where purpose = 'video';
drop index recordings_unfinished;
create index recordings_unfinished on recordings (id) where state in ('recording', 'deleting') or stream_id is null;
alter table recordings drop constraint recordings_purpose_check;
alter table recordings add constraint recordings_purpose_check check (purpose in ('recording', 'rewind', 'clip'));
