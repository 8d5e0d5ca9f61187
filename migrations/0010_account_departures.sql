-- Accounts that are being deleted: what was begun goes on after a crash.

alter table accounts
  add column leaving_since timestamptz,
  -- Whether what they wrote goes with them.
  add column leaving_purges boolean not null default false;
