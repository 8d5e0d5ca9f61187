drop table video_files;
drop table videos;
