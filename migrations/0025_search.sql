-- Search by title, tags and broadcaster. The texts are folded by the gateway, as databases differ in what they take for a
-- letter: words in lower case without accents, separated by spaces. Those of rows from before are folded by the database.

alter table livestreams
  add column tags text[] not null default '{}',
  add column title_text text not null default '',
  add column tags_text text not null default '';
update livestreams set title_text = lower(title);
create index livestreams_search on livestreams using gin (to_tsvector('simple', title_text || ' ' || tags_text))
  where visibility = 'public';

-- Title and tags of the livestream when the recording started, or the title that its owner chose.
alter table recordings add column search_text text not null default '';
update recordings set search_text = lower(title) where purpose = 'recording';
create index recordings_search on recordings using gin (to_tsvector('simple', search_text))
  where state = 'ready' and purpose = 'recording';

alter table accounts add column search_text text not null default '';
update accounts set search_text = name_key;
create index accounts_search on accounts using gin (to_tsvector('simple', search_text));
