alter table broadcasts drop column ladder;
alter table livestreams drop column ladder;
