-- Search for clips and uploaded videos. Texts as in 0025: folded by the gateway, those from before by the database.

update recordings set search_text = lower(title) where purpose = 'clip';
drop index recordings_search;
create index recordings_search on recordings using gin (to_tsvector('simple', search_text))
  where state = 'ready' and purpose in ('recording', 'clip');

alter table videos add column search_text text not null default '';
update videos set search_text = lower(title);
create index videos_search on videos using gin (to_tsvector('simple', search_text))
  where state = 'ready' and visibility = 'public';
create index videos_public on videos (id) where state = 'ready' and visibility = 'public';
