-- Exports of an account's data that are being sent: one at a time per account, over all gateways.

create table account_exports (
  -- Account, or user of a host platform.
  user_id text primary key,
  claimed_by uuid not null,
  -- By the clock of the database; another export may begin after this time.
  claimed_until timestamptz not null
);

-- All messages of a user are read in pages.
create index livestream_chat_author on livestream_chat (user_id, id);
drop index livestream_chat_user_id;
