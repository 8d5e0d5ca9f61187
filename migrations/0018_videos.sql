-- Uploaded videos.

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
