alter table recordings drop column poster;
drop table recording_sprites;
alter table recording_files drop column msn_offset;
delete from recordings where purpose = 'rewind';
drop index recordings_open;
create unique index recordings_open on recordings (broadcast_id) where state = 'recording';
alter table recordings drop column purpose;
