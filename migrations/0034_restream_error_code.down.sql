alter table restream_targets drop column error_code;
