-- Six channels: payers who choose, money that comes in pieces by bank and by hand. Twin of
-- migrations/sqlite/0003_channels.sql.

-- The ways that a payer may choose, as a JSON array of names, and the merchant's own number of him.
alter table orders add column offers text;
alter table orders add column payer text;
-- When an order whose payer chooses expires. No other order has it, so that nothing changes for them.
alter table orders add column due_at bigint;
alter table orders add column active boolean not null default false;
alter table orders add constraint orders_active_check check (active = (due_at is not null));
-- For the sweep.
create index orders_active on orders (id) where active;

alter table payment drop constraint payment_state_check;
alter table payment add constraint payment_state_check check (state between 1 and 12);
-- Of how much a refund can be: what the payment brought, which may be more or less than was asked for.
alter table payment add column taken_minor bigint not null default 0 check (taken_minor >= 0);
update payment set taken_minor = amount_minor where state in (6, 9);
-- What the payer of a transfer writes into it. Never changes, as nothing else in these two indexes does.
alter table payment add column reference text;
create index payment_reference on payment (merchant, reference) where reference is not null;
-- For lines of statements that name nobody: transfers (method 41) of an amount.
create index payment_transfer on payment (account, amount_minor, created_at) where method = 41;

alter table refund_leg add column reference text;
create index refund_leg_reference on refund_leg (merchant, reference) where reference is not null;

alter table observation drop constraint observation_source_check;
alter table observation add constraint observation_source_check check (source between 1 and 14);

alter table posting drop constraint posting_debit_kind_check;
alter table posting add constraint posting_debit_kind_check check (debit_kind between 1 and 8);
alter table posting drop constraint posting_credit_kind_check;
alter table posting add constraint posting_credit_kind_check check (credit_kind between 1 and 8);

alter table question drop constraint question_kind_check;
alter table question add constraint question_kind_check check (kind between 1 and 7);

alter table delivery drop constraint delivery_kind_check;
alter table delivery add constraint delivery_kind_check check (kind between 1 and 12);

-- What a payer paid with last, so that it is offered to him first.
create table payer_method (
  last_paid_at bigint not null,
  merchant uuid not null,
  method smallint not null,
  payer text not null,
  primary key (merchant, payer, method)
) with (fillfactor = 70);

-- Append-only: statements of banks as they were imported. A file may hold several.
create table statement (
  received_at bigint not null,
  opening_minor bigint,
  closing_minor bigint,
  id uuid primary key,
  account uuid not null,
  merchant uuid not null,
  -- Which statement of the file.
  ordinal integer not null check (ordinal > 0),
  -- Counts those of the same number.
  version integer not null check (version > 0),
  lines_total integer not null check (lines_total >= 0),
  lines_new integer not null check (lines_new between 0 and lines_total),
  currency text not null check (length(currency) = 3),
  digest bytea not null,
  number text not null,
  format text not null,
  file_name text not null,
  imported_by text not null,
  -- A JSON array of texts.
  warnings text not null,
  constraint statement_file unique (account, digest, ordinal),
  constraint statement_version unique (account, number, version)
);
create index statement_age on statement (account, received_at, id);

-- Lines of statements, each once in whatever file it comes: its id is derived from the account and its identity.
-- Days are calendar days without a zone, as text.
create table statement_line (
  seen_at bigint not null,
  amount_minor bigint not null check (amount_minor > 0),
  id uuid primary key,
  account uuid not null,
  merchant uuid not null,
  -- The one that told it first.
  statement uuid not null,
  ordinal integer not null check (ordinal > 0),
  direction smallint not null check (direction between 1 and 2),
  reversal boolean not null,
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
  version bigint not null check (version > 0),
  decided_at bigint,
  subject uuid,
  state smallint not null check (state between 1 and 6),
  subject_kind smallint check (subject_kind between 1 and 3),
  -- Whether a job owes it something.
  active boolean not null check (active = (state in (1, 2))),
  matched_by text,
  why text,
  decided_by text,
  constraint statement_line_identity unique (account, identity),
  check ((subject is null) = (subject_kind is null))
) with (fillfactor = 70);
create index statement_line_state on statement_line (account, state, id);
create index statement_line_amount on statement_line (account, amount_minor, direction, booked_on);
create index statement_line_whole on statement_line (account, whole) where whole is not null;
create index statement_line_subject on statement_line (subject) where subject is not null;
-- For the sweep.
create index statement_line_active on statement_line (id) where active;

-- Cash that somebody says to have taken on site. His device makes the id.
create table collection (
  collected_at bigint not null,
  received_at bigint not null,
  amount_minor bigint not null check (amount_minor > 0),
  tendered_minor bigint not null,
  change_minor bigint not null check (change_minor >= 0 and tendered_minor - change_minor = amount_minor),
  id uuid primary key,
  payment uuid not null,
  order_id uuid not null,
  merchant uuid not null,
  account uuid not null,
  currency text not null check (length(currency) = 3),
  worker text not null check (worker <> ''),
  -- From here on: what changes.
  version bigint not null check (version > 0),
  confirmed_at bigint,
  -- A collection is handed in once: the writer never changes it again.
  hand_in uuid,
  state smallint not null check (state between 1 and 6),
  -- Whether its worker still has it, if he has it.
  in_drawer boolean not null check (in_drawer = (state in (1, 2, 5))),
  confirmed_by text,
  why text,
  check ((hand_in is not null) = (state in (3, 4))),
  check ((confirmed_by is null) = (confirmed_at is null))
) with (fillfactor = 50);
create index collection_payment on collection (payment);
create index collection_drawer on collection (account, worker) where in_drawer;
create index collection_hand_in on collection (hand_in) where hand_in is not null;

-- Collected cash that was counted by somebody else.
create table hand_in (
  received_at bigint not null,
  expected_minor bigint not null,
  counted_minor bigint not null check (counted_minor >= 0),
  variance_minor bigint not null check (variance_minor = counted_minor - expected_minor),
  id uuid primary key,
  merchant uuid not null,
  account uuid not null,
  currency text not null check (length(currency) = 3),
  worker text not null check (worker <> ''),
  received_by text not null check (received_by <> ''),
  bag text,
  -- From here on: what changes.
  version bigint not null check (version > 0),
  approved_at bigint,
  banked_at bigint,
  state smallint not null check (state between 1 and 3),
  approved_by text,
  bank_reference text,
  check ((approved_at is not null) = (state in (2, 3)) and (approved_by is null) = (approved_at is null)),
  check ((banked_at is not null) = (state = 3) and (bank_reference is null) = (banked_at is null))
) with (fillfactor = 70);
create index hand_in_age on hand_in (account, received_at, id);

-- Cash that went back to a payer out of a drawer: a leg of a refund, once.
create table payout (
  at bigint not null,
  amount_minor bigint not null check (amount_minor > 0),
  id uuid primary key,
  leg uuid not null,
  merchant uuid not null,
  account uuid not null,
  currency text not null check (length(currency) = 3),
  worker text not null check (worker <> ''),
  paid_by text not null check (paid_by <> ''),
  -- From here on: what changes.
  version bigint not null check (version > 0),
  hand_in uuid,
  constraint payout_leg unique (leg)
) with (fillfactor = 70);
create index payout_drawer on payout (account, worker) where hand_in is null;
create index payout_hand_in on payout (hand_in) where hand_in is not null;
