-- Media of uploaded videos are recordings with the purpose `video` and the id of their video, so that storage, object store,
-- playback, download and previews are those of recordings.

alter table recordings drop constraint recordings_purpose_check;
alter table recordings add constraint recordings_purpose_check check (purpose in ('recording', 'rewind', 'clip', 'video'));

drop index recordings_unfinished;
create index recordings_unfinished on recordings (id)
where state in ('recording', 'deleting') or (stream_id is null and purpose <> 'video');

insert into recordings
  (id, broadcast_id, user_id, state, purpose, renditions, store_id, started_at, ended_at, end_reason, duration_s, size_bytes, title)
select id, id, user_id, 'ready', 'video', 'all', store_id, created_at, created_at + coalesce(duration_s, 0) * interval '1 s', 'stopped',
  coalesce(duration_s, 0), size_bytes, title
from videos where state = 'ready';

insert into recording_files
  (recording_id, number, rendition, kind, run, codec, width, height, frame_rate, channels, init_bytes)
select video_id, number, rendition, kind, 0, codec, width, height, frame_rate, channels, init_bytes
from video_files join videos on videos.id = video_id and state = 'ready';

insert into recording_segments
  (recording_id, file_number, msn, byte_offset, byte_length, fragments, duration_s, decode_time_s, program_date_time)
select video_id, number, msn, init_bytes + end_bytes - byte_length, byte_length, fragments, duration_s, decode_time_s,
  created_at + (end_s - duration_s) * interval '1 s'
from (
  select video_id, number, init_bytes, created_at, (n - 1)::integer as msn, s.byte_length, s.fragments, s.duration_s, s.decode_time_s,
    sum(s.byte_length) over in_order as end_bytes, sum(s.duration_s) over in_order as end_s
  from video_files join videos on videos.id = video_id and state = 'ready',
    unnest(byte_lengths, video_files.fragments, durations_s, decode_times_s) with ordinality
      as s (byte_length, fragments, duration_s, decode_time_s, n)
  window in_order as (partition by video_id, number order by n)
) as segments;

drop table video_files;

-- While it is being uploaded, the claimant of a video is the request that writes its file. Another request waits for it.
alter table videos add column release_wanted boolean not null default false;
