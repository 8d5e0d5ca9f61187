drop index recordings_public;
alter table recordings drop column title, drop column recorded_visibility, drop column visibility;
