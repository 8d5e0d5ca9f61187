-- Pages of channels: what a broadcaster says about the channel.

alter table channels add column description text not null default '';
