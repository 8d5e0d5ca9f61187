-- Media of uploaded videos are recordings with the purpose `video` and the id of their video, so that storage, object store,
-- playback, download and previews are those of recordings.

alter table recordings drop constraint recordings_purpose_check;
alter table recordings add constraint recordings_purpose_check check (purpose in ('recording', 'rewind', 'clip', 'video'));

drop index recordings_unfinished;
create index recordings_unfinished on recordings (id)
where state in ('recording', 'deleting') or (stream_id is null and purpose <> 'video');

-- While it is being uploaded, the claimant of a video is the request that writes its file. Another request waits for it.
alter table videos add column release_wanted boolean not null default false;
