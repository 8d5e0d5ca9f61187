-- Clips: copies of some seconds of a recording or a running broadcast. Each is a recording with the purpose `clip`, so that
-- storage, quota, object store, playback and deletion are those of recordings.

alter table recordings drop constraint recordings_purpose_check;
alter table recordings add constraint recordings_purpose_check check (purpose in ('recording', 'rewind', 'clip'));

create table clips (
  -- That of its recording, whose state `recording` means that the clip is being cut.
  id uuid primary key references recordings (id) on delete cascade,
  -- unlisted: for everybody who may watch the livestream and knows the id.
  visibility text not null check (visibility in ('public', 'unlisted')),
  -- Null: the operator, or an account that was deleted.
  created_by text,
  -- Recording that it is cut from; null: the broadcast while it ran, or the recording was deleted.
  source_id uuid references recordings (id) on delete set null,
  -- Wanted dates of the media.
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  -- Video is encoded so that it begins and ends with the wanted frames.
  exact boolean not null,
  -- Not worked on before, by the clock of the database.
  cut_after timestamptz not null default '-infinity',
  attempts integer not null default 0,
  -- Reason of the state `failed`.
  failure text
);

create index clips_created_by on clips (created_by, id) where created_by is not null;
create index clips_source_id on clips (source_id) where source_id is not null;
create index clips_public on clips (id) where visibility = 'public';

-- Who may make clips, beside owner and administrators.
alter table livestreams add column clips_by text not null default 'moderators' check (clips_by in ('moderators', 'viewers'));
