drop table recording_segments;
drop table recording_files;
drop table recordings;
