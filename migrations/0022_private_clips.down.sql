-- Private clips stay private by the visibility of their recording.
update clips set visibility = 'unlisted' where visibility = 'private';
alter table clips drop constraint clips_visibility_check;
alter table clips add constraint clips_visibility_check check (visibility in ('public', 'unlisted'));
