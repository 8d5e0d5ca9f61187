drop table broadcasts;
drop table livestream_chat;
drop table livestream_viewers;
drop table livestreams;
