-- Whether the books agree: what moved, the bills of channels, and where they differ. Twin of
-- migrations/sqlite/0007_reconciliation.sql.

-- What an order was for and where, in the merchant's own words, so that takings can be told apart by it.
alter table orders add column service text;
alter table orders add column region text;

alter table posting drop constraint posting_debit_kind_check;
alter table posting add constraint posting_debit_kind_check check (debit_kind between 1 and 13);
alter table posting drop constraint posting_credit_kind_check;
alter table posting add constraint posting_credit_kind_check check (credit_kind between 1 and 13);

-- Events are about orders (1), plans (2), agreements (3) and breaks (4).
alter table delivery drop constraint delivery_about_kind_check;
alter table delivery add constraint delivery_about_kind_check check (about_kind between 1 and 4);
alter table delivery drop constraint delivery_kind_check;
alter table delivery add constraint delivery_kind_check check (kind between 1 and 31);

-- Money that moved between payers and us, each once: derived from what is known of payments and refunds.
create table movement (
  -- By the channel's clock.
  at bigint not null,
  -- Positive when it came, negative when it left.
  amount_minor bigint not null check (amount_minor <> 0),
  subject uuid not null,
  payment uuid not null,
  account uuid not null,
  merchant uuid not null,
  -- The channel's business day: days after 1970-01-01.
  day integer not null,
  kind smallint not null check (kind between 1 and 7),
  currency text not null check (length(currency) = 3),
  -- From here on: what changes. No index contains any of it.
  matched boolean not null,
  primary key (subject, kind)
) with (fillfactor = 85);
create index movement_day on movement (account, day);
-- For transfers by people, which are few.
create index movement_transfer on movement (merchant, day) where kind = 7;

-- Bills of channels. Append-only but for how far one was taken in.
create table bill (
  fetched_at bigint not null,
  bytes bigint not null check (bytes >= 0),
  id uuid primary key,
  account uuid not null,
  merchant uuid not null,
  day integer not null,
  -- 1 for the first file of a day; one more for each that came with other content.
  issue integer not null check (issue > 0),
  kind smallint not null check (kind between 1 and 2),
  currency text not null check (length(currency) = 3),
  digest bytea not null,
  name text not null,
  source text not null,
  -- What its lines come to, as JSON.
  sums text not null,
  -- From here on: what changes.
  version bigint not null check (version > 0),
  taken bigint not null check (taken >= 0),
  state smallint not null check (state between 1 and 2),
  constraint bill_issue unique (account, day, kind, issue)
) with (fillfactor = 70);

-- The files of bills, as they came, in parts.
create table bill_part (
  bill uuid not null,
  n integer not null check (n >= 0),
  bytes bytea not null,
  primary key (bill, n)
);

-- Lines of bills. A line that a later issue tells again stays the line of the earlier.
create table bill_line (
  at bigint not null,
  amount_minor bigint not null,
  fee_minor bigint not null,
  bill uuid not null,
  -- What of ours it is about: the 128 bits of the id of a payment or a leg.
  subject uuid,
  ordinal integer not null check (ordinal > 0),
  kind smallint not null check (kind between 1 and 6),
  status smallint not null check (status between 1 and 3),
  -- 1 agrees, 2 mended our books, 3 opened a break, 4 tells nothing that is matched.
  verdict smallint not null check (verdict between 1 and 4),
  currency text not null,
  number text not null,
  channel_id text not null,
  order_number text,
  -- From here on: what changes. The last issue that told it.
  issue integer not null check (issue > 0),
  primary key (bill, ordinal)
) with (fillfactor = 90);
create index bill_line_subject on bill_line (subject, kind) where subject is not null;
-- Also for who looks for a number of the channel's.
create index bill_line_channel on bill_line (channel_id);

-- The reconciliation of one account and day.
create table reconciliation (
  started_at bigint not null,
  id uuid primary key,
  account uuid not null,
  merchant uuid not null,
  day integer not null,
  -- From here on: what changes.
  version bigint not null check (version > 0),
  due_at bigint,
  finished_at bigint,
  state smallint not null check (state between 1 and 4),
  -- Whether something is due for it at all; see payment.
  active boolean not null check (active = (due_at is not null)),
  note text,
  -- What it came to, as JSON.
  figures text not null,
  constraint reconciliation_day unique (account, day)
) with (fillfactor = 50);
-- For the sweep.
create index reconciliation_active on reconciliation (id) where active;

-- Differences between a channel's books and ours. The id is derived from what differs.
create table break (
  opened_at bigint not null,
  amount_minor bigint not null,
  id uuid primary key,
  account uuid not null,
  merchant uuid not null,
  subject uuid not null,
  bill uuid,
  day integer not null,
  ordinal integer,
  subject_kind smallint not null check (subject_kind between 1 and 4),
  currency text not null check (length(currency) = 3),
  number text not null,
  -- From here on: what changes.
  version bigint not null check (version > 0),
  event_count bigint not null check (event_count >= 0),
  changed_at bigint not null,
  kind smallint not null check (kind between 1 and 12),
  state smallint not null check (state between 1 and 6),
  -- Whether it has not ended.
  open boolean not null check (open = (state in (1, 2, 4))),
  text text not null,
  ended_why text,
  ended_by text,
  -- How it shall end, when a second person must agree, as JSON.
  proposal text,
  check ((bill is null) = (ordinal is null)),
  check ((ended_why is null) = (ended_by is null))
) with (fillfactor = 60);
create index break_open on break (account, day) where open;
create index break_day on break (account, day);
create index break_subject on break (subject);

-- What was proved of a day, each with the digest of the one before.
create table certificate (
  made_at bigint not null,
  -- 1, 2, 3 ... without gaps.
  sequence bigint primary key check (sequence > 0),
  day integer not null,
  digest bytea not null,
  -- The proof, as JSON.
  body text not null,
  constraint certificate_day unique (day)
);
