-- Copies of recordings in an S3-compatible store: where they are, and uploads that any gateway of the folder can continue.

alter table recordings
  -- local: in the folder; both: in the folder and, verified, in the store; remote: in the store.
  add column location text not null default 'local' check (location in ('local', 'both', 'remote')),
  -- Store that has, or gets, the objects; deletion must find it. Null: none.
  add column object_store text,
  -- Not uploaded before, by the clock of the database.
  add column upload_after timestamptz not null default '-infinity',
  add column upload_failures integer not null default 0;

create index recordings_to_upload on recordings (upload_after) where state = 'ready' and location in ('local', 'both');

-- One multipart upload, then one object, per file.
create table recording_objects (
  recording_id uuid not null,
  file_number integer not null,
  upload_id text not null,
  size_bytes bigint not null,
  part_bytes integer not null,
  -- Set when size and checksum of the object agree with the file.
  verified_at timestamptz,
  primary key (recording_id, file_number),
  foreign key (recording_id, file_number) references recording_files (recording_id, number) on delete cascade
);

create table recording_object_parts (
  recording_id uuid not null,
  file_number integer not null,
  number integer not null,
  etag text not null,
  -- Of the bytes, hexadecimal.
  md5 text not null,
  primary key (recording_id, file_number, number),
  foreign key (recording_id, file_number) references recording_objects (recording_id, file_number) on delete cascade
);
