-- Private test before a livestream goes live: meanwhile it is private, and nobody is invited.
alter table livestreams
  -- Visibility that it gets when the test ends; null: no test.
  add column visibility_after_test text check (visibility_after_test in ('public', 'unlisted', 'private')),
  add constraint livestreams_private_in_test check (visibility_after_test is null or visibility = 'private');
