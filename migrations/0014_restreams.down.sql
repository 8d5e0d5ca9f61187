drop table restream_targets;
