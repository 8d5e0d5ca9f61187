alter table accounts drop column leaving_purges, drop column leaving_since;
