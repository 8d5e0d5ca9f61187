alter table livestreams drop column clips_by;
drop table clips;
delete from recordings where purpose = 'clip';
alter table recordings drop constraint recordings_purpose_check;
alter table recordings add constraint recordings_purpose_check check (purpose in ('recording', 'rewind'));
