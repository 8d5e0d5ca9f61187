-- What is deleted when it is old enough is found by its age.

create index livestream_viewer_minutes_minute on livestream_viewer_minutes (minute);
