alter table channels drop column description;
