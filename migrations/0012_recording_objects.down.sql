drop table recording_object_parts;
drop table recording_objects;
alter table recordings drop column location, drop column object_store, drop column upload_after,
  drop column upload_failures;
