-- Recordings: a title of their own, and who may watch them.

alter table recordings
  -- That of the livestream when the recording started, until its owner chooses another one.
  add column title text not null default '',
  -- That of the livestream when the recording started. Null: a part of a rewind window, which has that of the livestream now.
  add column recorded_visibility text check (recorded_visibility in ('public', 'unlisted', 'private')),
  -- Chosen by the owner. Null: the stricter one of what it was and what the livestream has now.
  add column visibility text check (visibility in ('public', 'unlisted', 'private'));

update recordings r set title = l.title, recorded_visibility = l.visibility
from livestreams l where l.id = r.stream_id and r.purpose = 'recording';

create index recordings_public on recordings (id)
where state = 'ready' and purpose = 'recording' and coalesce(visibility, recorded_visibility) = 'public';
