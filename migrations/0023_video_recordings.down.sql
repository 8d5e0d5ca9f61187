-- Files of videos stay in RECORDINGS_DIR.
alter table videos drop column release_wanted;
delete from recordings where purpose = 'video';
drop index recordings_unfinished;
create index recordings_unfinished on recordings (id) where state in ('recording', 'deleting') or stream_id is null;
alter table recordings drop constraint recordings_purpose_check;
alter table recordings add constraint recordings_purpose_check check (purpose in ('recording', 'rewind', 'clip'));
