drop table livestream_guests;
alter table livestreams drop column visibility, drop column viewer_limit, drop column scheduled_at;
