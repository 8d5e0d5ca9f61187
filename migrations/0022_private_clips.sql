-- Clips that their maker or the owner of the livestream keeps private.

alter table clips drop constraint clips_visibility_check;
-- unlisted: for everybody who may watch the livestream and knows the id; private: as a private recording, and for who made it.
alter table clips add constraint clips_visibility_check check (visibility in ('public', 'unlisted', 'private'));
