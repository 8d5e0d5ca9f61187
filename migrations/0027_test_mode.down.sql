alter table livestreams drop constraint livestreams_private_in_test;
update livestreams set visibility = visibility_after_test where visibility_after_test is not null;
alter table livestreams drop column visibility_after_test;
