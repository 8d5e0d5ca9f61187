-- Uploaded videos: their rows, and the index of the renditions that they were transcoded into.

create table videos (
  id uuid primary key,
  user_id text not null,
  title text not null,
  visibility text not null check (visibility in ('public', 'unlisted', 'private')),
  state text not null check (state in ('uploading', 'queued', 'transcoding', 'ready', 'failed', 'deleting')),
  -- Stable code of the reason, in the state failed.
  failure text,
  -- Id of the folder that holds the files.
  store_id uuid not null,
  -- Announced length of the upload; its file is deleted after transcoding.
  upload_bytes bigint not null,
  -- Of the renditions; grows while they are made.
  size_bytes bigint not null default 0,
  duration_s double precision,
  -- Share that is transcoded, 0 to 1.
  progress double precision not null default 0,
  -- Transcodings that were begun and not ended by a shutdown.
  attempts integer not null default 0,
  -- Job of the queue.
  job_id uuid,
  created_at timestamptz not null default now(),
  -- Last bytes of the upload, by the clock of the database.
  received_at timestamptz not null default now(),
  -- Gateway process that works on it. Another one may claim it after this time, by the clock of the database.
  claimed_by uuid,
  claimed_until timestamptz
);

create index videos_user_id on videos (user_id, id);
create index videos_unfinished on videos (state) where state in ('uploading', 'queued', 'transcoding', 'deleting');

-- One file per rendition: an initialization section, then segments, of which the arrays have an element each.
create table video_files (
  video_id uuid not null references videos (id) on delete cascade,
  number integer not null,
  rendition text not null,
  kind text not null check (kind in ('video', 'audio')),
  codec text not null,
  -- Pixels, and frames per second, of video.
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
