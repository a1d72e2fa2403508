-- Schedules: what merchants want to happen again and again. Twin of migrations/postgres/0005_schedules.sql.

create table schedule (
  created_at integer not null,
  id blob not null primary key,
  merchant blob not null,
  name text not null check (name <> ''),
  cron text not null,
  zone text not null,
  -- What a fire does, as JSON.
  template text not null,
  catch_up integer not null check (catch_up between 1 and 3),
  catch_up_at_most integer check (catch_up_at_most between 1 and 1000),
  -- From here on: what changes.
  version integer not null check (version > 0),
  next_due_at integer,
  last_due_at integer,
  last_fired_at integer,
  fired_count integer not null check (fired_count >= 0),
  skipped_count integer not null check (skipped_count >= 0),
  -- 0 until then, so that a name is free again afterwards.
  removed_at integer not null default 0,
  state integer not null check (state between 1 and 3),
  -- Whether something is due at all.
  active integer not null check (active = (next_due_at is not null) and active = (state = 1)),
  check ((catch_up = 1) = (catch_up_at_most is not null)),
  check ((state = 3) = (removed_at <> 0)),
  constraint schedule_name unique (merchant, name, removed_at)
) strict;
create index schedule_list on schedule (merchant, id);
-- For the sweep, and for what is overdue.
create index schedule_active on schedule (next_due_at) where active;

-- Append-only: each due instant of a schedule fires once, whoever fires it.
create table schedule_fire (
  due_at integer not null check (due_at % 1000 = 0),
  fired_at integer not null,
  schedule blob not null,
  order_id blob not null,
  kind integer not null check (kind between 1 and 5),
  primary key (schedule, due_at)
) strict;
