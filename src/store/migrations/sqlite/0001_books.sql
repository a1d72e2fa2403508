-- The books of the payment system. Twin of migrations/postgres/0001_books.sql.
--
-- Tables are strict: SQLite refuses values of another type, as PostgreSQL does. Booleans are 0 and 1.
-- Times are milliseconds since 1970; states and kinds are the codes of the core; amounts are minor units.

create table merchant (
  id blob not null primary key,
  name text not null,
  late_money text not null,
  created_at integer not null
) strict;

create table channel_account (
  id blob not null primary key,
  merchant blob not null,
  channel text not null,
  -- Numbers, base URLs and references to secrets, as JSON. Never a secret.
  settings text not null,
  facts text,
  created_at integer not null
) strict;

create table endpoint (
  id blob not null primary key,
  merchant blob not null,
  url text not null,
  -- References to secrets, as a JSON array. Never a secret.
  secrets text not null,
  enabled integer not null,
  created_at integer not null
) strict;

create table api_key (
  id blob not null primary key,
  merchant blob not null,
  secret_hash blob not null,
  label text not null,
  created_at integer not null,
  revoked_at integer
) strict;

create table orders (
  created_at integer not null,
  amount_minor integer not null check (amount_minor > 0),
  id blob not null primary key,
  merchant blob not null,
  number text not null check (number <> ''),
  currency text not null check (length(currency) = 3),
  description text not null,
  -- From here on: what changes.
  expires_at integer not null,
  version integer not null check (version > 0),
  event_count integer not null check (event_count >= 0),
  state integer not null check (state between 1 and 6),
  late_money integer not null,
  close_reason text,
  constraint orders_number unique (merchant, number)
) strict;

create table payment (
  created_at integer not null,
  amount_minor integer not null check (amount_minor > 0),
  id blob not null primary key,
  order_id blob not null,
  merchant blob not null,
  account blob not null,
  method integer not null,
  currency text not null check (length(currency) = 3),
  payer text,
  -- From here on: what changes.
  version integer not null check (version > 0),
  due_at integer,
  state integer not null check (state between 1 and 9),
  -- Whether something is due for it at all; changes once or twice in a life, unlike due_at.
  active integer not null check (active = (due_at is not null)),
  evidence text not null
) strict;

create index payment_order on payment (order_id);
-- For the sweep.
create index payment_active on payment (id) where active;

-- Append-only: what was claimed about a payment.
create table observation (
  sequence integer not null,
  seen_at integer not null,
  payment blob not null,
  source integer not null check (source between 1 and 9),
  notification blob,
  claim text not null,
  primary key (payment, sequence)
) strict;

-- Append-only: transfers of the ledger.
create table posting (
  sequence integer not null,
  amount_minor integer not null check (amount_minor > 0),
  at integer not null,
  payment blob not null,
  debit_owner blob not null,
  credit_owner blob not null,
  debit_kind integer not null check (debit_kind between 1 and 5),
  credit_kind integer not null check (credit_kind between 1 and 5),
  currency text not null check (length(currency) = 3),
  primary key (payment, sequence),
  check (debit_kind <> credit_kind or debit_owner <> credit_owner)
) strict;

-- Questions that wait for a person.
create table question (
  payment blob not null,
  kind integer not null check (kind between 1 and 2),
  opened_at integer not null,
  text text not null,
  primary key (payment, kind)
) strict;

-- Append-only: messages of channels as they came. The id is derived from the channel's own.
create table notification (
  received_at integer not null,
  id blob not null primary key,
  account blob not null,
  merchant blob not null,
  headers text not null,
  body blob not null
) strict;
create index notification_age on notification (received_at);

create table idempotency (
  created_at integer not null,
  status integer not null,
  merchant blob not null,
  key text not null,
  request_digest blob not null,
  answer text not null,
  primary key (merchant, key)
) strict;
create index idempotency_age on idempotency (created_at);

create table delivery (
  sequence integer not null,
  created_at integer not null,
  id blob not null primary key,
  order_id blob not null,
  kind integer not null check (kind between 1 and 3),
  endpoint blob,
  body text not null,
  -- From here on: what changes.
  attempts integer not null,
  delivered_at integer,
  given_up_at integer,
  last_error text
) strict;
create index delivery_order on delivery (order_id);
-- For the sweep.
create index delivery_open on delivery (id) where delivered_at is null and given_up_at is null and endpoint is not null;
create index delivery_age on delivery (created_at);

-- Live jobs. A finished job is deleted.
create table job (
  created_at integer not null,
  due_at integer not null,
  step integer not null,
  kind integer not null,
  queue integer not null,
  subject blob not null,
  merchant blob not null,
  -- From here on: what a claim changes. No index contains any of it.
  attempts integer not null,
  fence integer not null,
  leased_until integer,
  owner blob,
  note text,
  question text,
  primary key (subject, kind),
  check ((owner is null) = (leased_until is null)),
  check (owner is null or question is null)
) strict;
create index job_claim on job (queue, merchant, due_at) where question is null;
create index job_parked on job (due_at) where question is not null;

create table paused_queue (
  queue integer not null primary key
) strict;
