-- Six channels: payers who choose, money that comes in pieces by bank and by hand. Twin of
-- migrations/postgres/0003_channels.sql.
--
-- SQLite cannot change a constraint: such tables are built anew and filled from the old ones.

-- The ways that a payer may choose, as a JSON array of names, and the merchant's own number of him.
alter table orders add column offers text;
alter table orders add column payer text;
-- When an order whose payer chooses expires. No other order has it, so that nothing changes for them.
alter table orders add column due_at integer;
alter table orders add column active integer not null default 0 check (active = (due_at is not null));
-- For the sweep.
create index orders_active on orders (id) where active;

create table payment_new (
  created_at integer not null,
  amount_minor integer not null check (amount_minor > 0),
  id blob not null primary key,
  order_id blob not null,
  merchant blob not null,
  account blob not null,
  method integer not null,
  currency text not null check (length(currency) = 3),
  payer text,
  -- Counts the payments of an order in the order in which they were given: 1, 2, 3 ...
  position integer not null default 1 check (position > 0),
  -- What the payer of a transfer writes into it.
  reference text,
  -- From here on: what changes.
  version integer not null check (version > 0),
  due_at integer,
  state integer not null check (state between 1 and 12),
  -- Whether something is due for it at all; changes once or twice in a life, unlike due_at.
  active integer not null check (active = (due_at is not null)),
  -- What is given back of it or set aside for that. It may exceed what was taken when a channel contradicts
  -- itself; what adds to it beyond that by our own wish is refused by the writer.
  returned_minor integer not null default 0 check (returned_minor >= 0),
  -- Of how much a refund can be: what the payment brought, which may be more or less than was asked for.
  taken_minor integer not null default 0 check (taken_minor >= 0),
  evidence text not null
) strict;
insert into payment_new (created_at, amount_minor, id, order_id, merchant, account, method, currency, payer, position,
    version, due_at, state, active, returned_minor, taken_minor, evidence)
  select created_at, amount_minor, id, order_id, merchant, account, method, currency, payer, position, version, due_at,
    state, active, returned_minor, case when state in (6, 9) then amount_minor else 0 end, evidence
  from payment;
drop table payment;
alter table payment_new rename to payment;
create index payment_order on payment (order_id);
-- For the sweep.
create index payment_active on payment (id) where active;
create index payment_reference on payment (merchant, reference) where reference is not null;
-- For lines of statements that name nobody: transfers (method 41) of an amount.
create index payment_transfer on payment (account, amount_minor, created_at) where method = 41;

alter table refund_leg add column reference text;
create index refund_leg_reference on refund_leg (merchant, reference) where reference is not null;

create table observation_new (
  sequence integer not null,
  seen_at integer not null,
  subject blob not null,
  source integer not null check (source between 1 and 14),
  notification blob,
  claim text not null,
  primary key (subject, sequence)
) strict;
insert into observation_new (sequence, seen_at, subject, source, notification, claim)
  select sequence, seen_at, subject, source, notification, claim from observation;
drop table observation;
alter table observation_new rename to observation;

create table posting_new (
  sequence integer not null,
  amount_minor integer not null check (amount_minor > 0),
  at integer not null,
  subject blob not null,
  debit_owner blob not null,
  credit_owner blob not null,
  debit_kind integer not null check (debit_kind between 1 and 8),
  credit_kind integer not null check (credit_kind between 1 and 8),
  currency text not null check (length(currency) = 3),
  primary key (subject, sequence),
  check (debit_kind <> credit_kind or debit_owner <> credit_owner)
) strict;
insert into posting_new (sequence, amount_minor, at, subject, debit_owner, credit_owner, debit_kind, credit_kind, currency)
  select sequence, amount_minor, at, subject, debit_owner, credit_owner, debit_kind, credit_kind, currency from posting;
drop table posting;
alter table posting_new rename to posting;

create table question_new (
  subject blob not null,
  kind integer not null check (kind between 1 and 7),
  opened_at integer not null,
  text text not null,
  order_id blob not null,
  primary key (subject, kind)
) strict;
insert into question_new (subject, kind, opened_at, text, order_id)
  select subject, kind, opened_at, text, order_id from question;
drop table question;
alter table question_new rename to question;

create table delivery_new (
  sequence integer not null,
  created_at integer not null,
  id blob not null primary key,
  order_id blob not null,
  kind integer not null check (kind between 1 and 12),
  endpoint blob,
  body text not null,
  -- From here on: what changes.
  attempts integer not null,
  delivered_at integer,
  given_up_at integer,
  last_error text
) strict;
insert into delivery_new (sequence, created_at, id, order_id, kind, endpoint, body, attempts, delivered_at, given_up_at,
    last_error)
  select sequence, created_at, id, order_id, kind, endpoint, body, attempts, delivered_at, given_up_at, last_error
  from delivery;
drop table delivery;
alter table delivery_new rename to delivery;
create index delivery_order on delivery (order_id);
create index delivery_open on delivery (id) where delivered_at is null and given_up_at is null and endpoint is not null;
create index delivery_age on delivery (created_at);

-- What a payer paid with last, so that it is offered to him first.
create table payer_method (
  last_paid_at integer not null,
  merchant blob not null,
  method integer not null,
  payer text not null,
  primary key (merchant, payer, method)
) strict;

-- Append-only: statements of banks as they were imported. A file may hold several.
create table statement (
  received_at integer not null,
  opening_minor integer,
  closing_minor integer,
  id blob not null primary key,
  account blob not null,
  merchant blob not null,
  -- Which statement of the file.
  ordinal integer not null check (ordinal > 0),
  -- Counts those of the same number.
  version integer not null check (version > 0),
  lines_total integer not null check (lines_total >= 0),
  lines_new integer not null check (lines_new between 0 and lines_total),
  currency text not null check (length(currency) = 3),
  digest blob not null,
  number text not null,
  format text not null,
  file_name text not null,
  imported_by text not null,
  -- A JSON array of texts.
  warnings text not null,
  constraint statement_file unique (account, digest, ordinal),
  constraint statement_version unique (account, number, version)
) strict;
create index statement_age on statement (account, received_at, id);

-- Lines of statements, each once in whatever file it comes: its id is derived from the account and its identity.
-- Days are calendar days without a zone, as text.
create table statement_line (
  seen_at integer not null,
  amount_minor integer not null check (amount_minor > 0),
  id blob not null primary key,
  account blob not null,
  merchant blob not null,
  -- The one that told it first.
  statement blob not null,
  ordinal integer not null check (ordinal > 0),
  direction integer not null check (direction between 1 and 2),
  reversal integer not null,
  currency text not null check (length(currency) = 3),
  booked_on text not null check (length(booked_on) = 10),
  value_on text check (length(value_on) = 10),
  identity text not null,
  whole text,
  counterparty_name text,
  counterparty_account text,
  text text not null,
  end_to_end text,
  bank_reference text,
  virtual_account text,
  -- From here on: what changes.
  version integer not null check (version > 0),
  decided_at integer,
  subject blob,
  state integer not null check (state between 1 and 6),
  subject_kind integer check (subject_kind between 1 and 3),
  -- Whether a job owes it something.
  active integer not null check (active = (state in (1, 2))),
  matched_by text,
  why text,
  decided_by text,
  constraint statement_line_identity unique (account, identity),
  check ((subject is null) = (subject_kind is null))
) strict;
create index statement_line_state on statement_line (account, state, id);
create index statement_line_amount on statement_line (account, amount_minor, direction, booked_on);
create index statement_line_whole on statement_line (account, whole) where whole is not null;
create index statement_line_subject on statement_line (subject) where subject is not null;
-- For the sweep.
create index statement_line_active on statement_line (id) where active;

-- Cash that somebody says to have taken on site. His device makes the id.
create table collection (
  collected_at integer not null,
  received_at integer not null,
  amount_minor integer not null check (amount_minor > 0),
  tendered_minor integer not null,
  change_minor integer not null check (change_minor >= 0 and tendered_minor - change_minor = amount_minor),
  id blob not null primary key,
  payment blob not null,
  order_id blob not null,
  merchant blob not null,
  account blob not null,
  currency text not null check (length(currency) = 3),
  worker text not null check (worker <> ''),
  -- From here on: what changes.
  version integer not null check (version > 0),
  confirmed_at integer,
  -- A collection is handed in once: the writer never changes it again.
  hand_in blob,
  state integer not null check (state between 1 and 6),
  -- Whether its worker still has it, if he has it.
  in_drawer integer not null check (in_drawer = (state in (1, 2, 5))),
  confirmed_by text,
  why text,
  check ((hand_in is not null) = (state in (3, 4))),
  check ((confirmed_by is null) = (confirmed_at is null))
) strict;
create index collection_payment on collection (payment);
create index collection_drawer on collection (account, worker) where in_drawer;
create index collection_hand_in on collection (hand_in) where hand_in is not null;

-- Collected cash that was counted by somebody else.
create table hand_in (
  received_at integer not null,
  expected_minor integer not null,
  counted_minor integer not null check (counted_minor >= 0),
  variance_minor integer not null check (variance_minor = counted_minor - expected_minor),
  id blob not null primary key,
  merchant blob not null,
  account blob not null,
  currency text not null check (length(currency) = 3),
  worker text not null check (worker <> ''),
  received_by text not null check (received_by <> ''),
  bag text,
  -- From here on: what changes.
  version integer not null check (version > 0),
  approved_at integer,
  banked_at integer,
  state integer not null check (state between 1 and 3),
  approved_by text,
  bank_reference text,
  check ((approved_at is not null) = (state in (2, 3)) and (approved_by is null) = (approved_at is null)),
  check ((banked_at is not null) = (state = 3) and (bank_reference is null) = (banked_at is null))
) strict;
create index hand_in_age on hand_in (account, received_at, id);

-- Cash that went back to a payer out of a drawer: a leg of a refund, once.
create table payout (
  at integer not null,
  amount_minor integer not null check (amount_minor > 0),
  id blob not null primary key,
  leg blob not null,
  merchant blob not null,
  account blob not null,
  currency text not null check (length(currency) = 3),
  worker text not null check (worker <> ''),
  paid_by text not null check (paid_by <> ''),
  -- From here on: what changes.
  version integer not null check (version > 0),
  hand_in blob,
  constraint payout_leg unique (leg)
) strict;
create index payout_drawer on payout (account, worker) where hand_in is null;
create index payout_hand_in on payout (hand_in) where hand_in is not null;
