-- Recordings of broadcasts: their index, the folder that holds their files, and the gateway process that works on them.

create table recordings (
  id uuid primary key,
  -- Null: the livestream was deleted; the files and this row are deleted next.
  stream_id uuid references livestreams (id) on delete set null,
  broadcast_id uuid not null,
  -- Owner of the livestream when the recording started; the quota counts by it.
  user_id text,
  state text not null check (state in ('recording', 'ready', 'failed', 'deleting')),
  -- source: best video rendition and audio; all: every rendition.
  renditions text not null check (renditions in ('source', 'all')),
  -- Id of the recordings folder that holds the files.
  store_id uuid not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  end_reason text,
  -- Media time without the times at which nothing was broadcast.
  duration_s double precision not null default 0,
  size_bytes bigint not null default 0,
  -- Segments that are missing because the disk was too slow.
  dropped_segments integer not null default 0,
  stop_requested boolean not null default false,
  -- Gateway process that works on it. Another one may claim it after this time, by the clock of the database.
  claimed_by uuid,
  claimed_until timestamptz
);

create unique index recordings_open on recordings (broadcast_id) where state = 'recording';
create index recordings_broadcast_id on recordings (broadcast_id);
create index recordings_stream_id on recordings (stream_id, id);
create index recordings_user_id on recordings (user_id) where user_id is not null;
create index recordings_ended_at on recordings (ended_at) where state in ('ready', 'failed');
create index recordings_unfinished on recordings (id) where state in ('recording', 'deleting') or stream_id is null;

-- One file per rendition and encoder run: an initialization section, then segments.
create table recording_files (
  recording_id uuid not null references recordings (id) on delete cascade,
  number integer not null,
  rendition text not null,
  kind text not null check (kind in ('video', 'audio')),
  run integer not null,
  codec text not null,
  -- Pixels, and frames per second, of video.
  width integer,
  height integer,
  frame_rate double precision,
  channels integer,
  init_bytes integer not null,
  primary key (recording_id, number),
  unique (recording_id, rendition, run)
);

create table recording_segments (
  recording_id uuid not null,
  file_number integer not null,
  -- Media sequence number of the broadcast.
  msn integer not null,
  byte_offset bigint not null,
  byte_length integer not null,
  -- Movie fragments (moof and mdat) in it.
  fragments integer not null,
  duration_s double precision not null,
  -- Decode time of the first sample on the broadcast's timeline.
  decode_time_s double precision not null,
  -- Time of the first presented sample.
  program_date_time timestamptz not null,
  primary key (recording_id, file_number, msn),
  foreign key (recording_id, file_number) references recording_files (recording_id, number) on delete cascade
);
