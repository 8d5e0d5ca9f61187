drop index videos_public;
drop index videos_search;
alter table videos drop column search_text;
drop index recordings_search;
create index recordings_search on recordings using gin (to_tsvector('simple', search_text))
  where state = 'ready' and purpose = 'recording';
update recordings set search_text = '' where purpose = 'clip';
