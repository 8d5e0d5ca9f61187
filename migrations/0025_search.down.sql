drop index accounts_search;
alter table accounts drop column search_text;
drop index recordings_search;
alter table recordings drop column search_text;
drop index livestreams_search;
alter table livestreams drop column tags_text, drop column title_text, drop column tags;
