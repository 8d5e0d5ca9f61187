drop table videos;
