-- Whether the books agree: what moved, the bills of channels, and where they differ. Twin of
-- migrations/postgres/0007_reconciliation.sql.

-- What an order was for and where, in the merchant's own words, so that takings can be told apart by it.
alter table orders add column service text;
alter table orders add column region text;

-- SQLite cannot change a constraint: such tables are built anew and filled from the old ones.
create table posting_new (
  sequence integer not null,
  amount_minor integer not null check (amount_minor > 0),
  at integer not null,
  subject blob not null,
  debit_owner blob not null,
  credit_owner blob not null,
  debit_kind integer not null check (debit_kind between 1 and 13),
  credit_kind integer not null check (credit_kind between 1 and 13),
  currency text not null check (length(currency) = 3),
  primary key (subject, sequence),
  check (debit_kind <> credit_kind or debit_owner <> credit_owner)
) strict;
insert into posting_new (sequence, amount_minor, at, subject, debit_owner, credit_owner, debit_kind, credit_kind, currency)
  select sequence, amount_minor, at, subject, debit_owner, credit_owner, debit_kind, credit_kind, currency from posting;
drop table posting;
alter table posting_new rename to posting;

-- Events are about orders (1), plans (2), agreements (3) and breaks (4).
create table delivery_new (
  sequence integer not null,
  created_at integer not null,
  id blob not null primary key,
  about blob not null,
  about_kind integer not null check (about_kind between 1 and 4),
  kind integer not null check (kind between 1 and 31),
  endpoint blob,
  body text not null,
  -- From here on: what changes.
  attempts integer not null,
  delivered_at integer,
  given_up_at integer,
  last_error text
) strict;
insert into delivery_new (sequence, created_at, id, about, about_kind, kind, endpoint, body, attempts, delivered_at,
    given_up_at, last_error)
  select sequence, created_at, id, about, about_kind, kind, endpoint, body, attempts, delivered_at, given_up_at,
    last_error
  from delivery;
drop table delivery;
alter table delivery_new rename to delivery;
create index delivery_about on delivery (about);
create index delivery_open on delivery (id) where delivered_at is null and given_up_at is null and endpoint is not null;
create index delivery_age on delivery (created_at);

-- Money that moved between payers and us, each once: derived from what is known of payments and refunds.
create table movement (
  -- By the channel's clock.
  at integer not null,
  -- Positive when it came, negative when it left.
  amount_minor integer not null check (amount_minor <> 0),
  subject blob not null,
  payment blob not null,
  account blob not null,
  merchant blob not null,
  -- The channel's business day: days after 1970-01-01.
  day integer not null,
  kind integer not null check (kind between 1 and 7),
  currency text not null check (length(currency) = 3),
  -- From here on: what changes. No index contains any of it.
  matched integer not null,
  primary key (subject, kind)
) strict;
create index movement_day on movement (account, day);
-- For transfers by people, which are few.
create index movement_transfer on movement (merchant, day) where kind = 7;

-- Bills of channels. Append-only but for how far one was taken in.
create table bill (
  fetched_at integer not null,
  bytes integer not null check (bytes >= 0),
  id blob not null primary key,
  account blob not null,
  merchant blob not null,
  day integer not null,
  -- 1 for the first file of a day; one more for each that came with other content.
  issue integer not null check (issue > 0),
  kind integer not null check (kind between 1 and 2),
  currency text not null check (length(currency) = 3),
  digest blob not null,
  name text not null,
  source text not null,
  -- What its lines come to, as JSON.
  sums text not null,
  -- From here on: what changes.
  version integer not null check (version > 0),
  taken integer not null check (taken >= 0),
  state integer not null check (state between 1 and 2),
  constraint bill_issue unique (account, day, kind, issue)
) strict;

-- The files of bills, as they came, in parts.
create table bill_part (
  bill blob not null,
  n integer not null check (n >= 0),
  bytes blob not null,
  primary key (bill, n)
) strict;

-- Lines of bills. A line that a later issue tells again stays the line of the earlier.
create table bill_line (
  at integer not null,
  amount_minor integer not null,
  fee_minor integer not null,
  bill blob not null,
  -- What of ours it is about: the 128 bits of the id of a payment or a leg.
  subject blob,
  ordinal integer not null check (ordinal > 0),
  kind integer not null check (kind between 1 and 6),
  status integer not null check (status between 1 and 3),
  -- 1 agrees, 2 mended our books, 3 opened a break, 4 tells nothing that is matched.
  verdict integer not null check (verdict between 1 and 4),
  currency text not null,
  number text not null,
  channel_id text not null,
  order_number text,
  -- From here on: what changes. The last issue that told it.
  issue integer not null check (issue > 0),
  primary key (bill, ordinal)
) strict;
create index bill_line_subject on bill_line (subject, kind) where subject is not null;
-- Also for who looks for a number of the channel's.
create index bill_line_channel on bill_line (channel_id);

-- The reconciliation of one account and day.
create table reconciliation (
  started_at integer not null,
  id blob not null primary key,
  account blob not null,
  merchant blob not null,
  day integer not null,
  -- From here on: what changes.
  version integer not null check (version > 0),
  due_at integer,
  finished_at integer,
  state integer not null check (state between 1 and 4),
  -- Whether something is due for it at all; see payment.
  active integer not null check (active = (due_at is not null)),
  note text,
  -- What it came to, as JSON.
  figures text not null,
  constraint reconciliation_day unique (account, day)
) strict;
-- For the sweep.
create index reconciliation_active on reconciliation (id) where active;

-- Differences between a channel's books and ours. The id is derived from what differs.
create table break (
  opened_at integer not null,
  amount_minor integer not null,
  id blob not null primary key,
  account blob not null,
  merchant blob not null,
  subject blob not null,
  bill blob,
  day integer not null,
  ordinal integer,
  subject_kind integer not null check (subject_kind between 1 and 4),
  currency text not null check (length(currency) = 3),
  number text not null,
  -- From here on: what changes.
  version integer not null check (version > 0),
  event_count integer not null check (event_count >= 0),
  changed_at integer not null,
  kind integer not null check (kind between 1 and 12),
  state integer not null check (state between 1 and 6),
  -- Whether it has not ended.
  open integer not null check (open = (state in (1, 2, 4))),
  text text not null,
  ended_why text,
  ended_by text,
  -- How it shall end, when a second person must agree, as JSON.
  proposal text,
  check ((bill is null) = (ordinal is null)),
  check ((ended_why is null) = (ended_by is null))
) strict;
create index break_open on break (account, day) where open;
create index break_day on break (account, day);
create index break_subject on break (subject);

-- What was proved of a day, each with the digest of the one before.
create table certificate (
  made_at integer not null,
  -- 1, 2, 3 ... without gaps.
  sequence integer not null primary key check (sequence > 0),
  day integer not null,
  digest blob not null,
  -- The proof, as JSON.
  body text not null,
  constraint certificate_day unique (day)
) strict;
