-- The books of the payment system. Twin of migrations/sqlite/0001_books.sql.
--
-- Times are milliseconds since 1970; states and kinds are the codes of the core; amounts are minor units.
-- There are few indexes on purpose, and no index contains a column that changes with every transition: such
-- updates stay within their page (HOT) and cost a fraction. Neighbours on a page are often updated by the same
-- batch, so the fill factors leave room for a second version of every row (payments grow with their evidence).
-- There are no foreign keys between the hot tables, because each check would lock and dirty the row that it
-- points to; the writer keeps the rows together.

create table merchant (
  id uuid primary key,
  name text not null,
  late_money text not null,
  created_at bigint not null
);

create table channel_account (
  id uuid primary key,
  merchant uuid not null,
  channel text not null,
  -- Numbers, base URLs and references to secrets, as JSON. Never a secret.
  settings text not null,
  facts text,
  created_at bigint not null
);

create table endpoint (
  id uuid primary key,
  merchant uuid not null,
  url text not null,
  -- References to secrets, as a JSON array. Never a secret.
  secrets text not null,
  enabled boolean not null,
  created_at bigint not null
);

create table api_key (
  id uuid primary key,
  merchant uuid not null,
  secret_hash bytea not null,
  label text not null,
  created_at bigint not null,
  revoked_at bigint
);

create table orders (
  created_at bigint not null,
  amount_minor bigint not null check (amount_minor > 0),
  id uuid primary key,
  merchant uuid not null,
  number text not null check (number <> ''),
  currency text not null check (length(currency) = 3),
  description text not null,
  -- From here on: what changes.
  expires_at bigint not null,
  version bigint not null check (version > 0),
  event_count bigint not null check (event_count >= 0),
  state smallint not null check (state between 1 and 6),
  late_money boolean not null,
  close_reason text,
  constraint orders_number unique (merchant, number)
) with (fillfactor = 50);

create table payment (
  created_at bigint not null,
  amount_minor bigint not null check (amount_minor > 0),
  id uuid primary key,
  order_id uuid not null,
  merchant uuid not null,
  account uuid not null,
  method smallint not null,
  currency text not null check (length(currency) = 3),
  payer text,
  -- From here on: what changes.
  version bigint not null check (version > 0),
  due_at bigint,
  state smallint not null check (state between 1 and 9),
  -- Whether something is due for it at all; changes once or twice in a life, unlike due_at.
  active boolean not null check (active = (due_at is not null)),
  evidence text not null
) with (fillfactor = 35);

create index payment_order on payment (order_id);
-- For the sweep.
create index payment_active on payment (id) where active;

-- Append-only: what was claimed about a payment.
create table observation (
  sequence bigint not null,
  seen_at bigint not null,
  payment uuid not null,
  source smallint not null check (source between 1 and 9),
  notification uuid,
  claim text not null,
  primary key (payment, sequence)
);

-- Append-only: transfers of the ledger.
create table posting (
  sequence bigint not null,
  amount_minor bigint not null check (amount_minor > 0),
  at bigint not null,
  payment uuid not null,
  debit_owner uuid not null,
  credit_owner uuid not null,
  debit_kind smallint not null check (debit_kind between 1 and 5),
  credit_kind smallint not null check (credit_kind between 1 and 5),
  currency text not null check (length(currency) = 3),
  primary key (payment, sequence),
  check (debit_kind <> credit_kind or debit_owner <> credit_owner)
);

-- Questions that wait for a person.
create table question (
  payment uuid not null,
  kind smallint not null check (kind between 1 and 2),
  opened_at bigint not null,
  text text not null,
  primary key (payment, kind)
);

-- Append-only: messages of channels as they came. The id is derived from the channel's own.
create table notification (
  received_at bigint not null,
  id uuid primary key,
  account uuid not null,
  merchant uuid not null,
  headers text not null,
  body bytea not null
);
create index notification_age on notification using brin (received_at);

create table idempotency (
  created_at bigint not null,
  status smallint not null,
  merchant uuid not null,
  key text not null,
  request_digest bytea not null,
  answer text not null,
  primary key (merchant, key)
);
create index idempotency_age on idempotency using brin (created_at);

create table delivery (
  sequence bigint not null,
  created_at bigint not null,
  id uuid primary key,
  order_id uuid not null,
  kind smallint not null check (kind between 1 and 3),
  endpoint uuid,
  body text not null,
  -- From here on: what changes.
  attempts integer not null,
  delivered_at bigint,
  given_up_at bigint,
  last_error text
) with (fillfactor = 50);
create index delivery_order on delivery (order_id);
-- For the sweep.
create index delivery_open on delivery (id) where delivered_at is null and given_up_at is null and endpoint is not null;
create index delivery_age on delivery using brin (created_at);

-- Live jobs. A finished job is deleted.
create table job (
  created_at bigint not null,
  due_at bigint not null,
  step integer not null,
  kind smallint not null,
  queue smallint not null,
  subject uuid not null,
  merchant uuid not null,
  -- From here on: what a claim changes. No index contains any of it.
  attempts integer not null,
  fence bigint not null,
  leased_until bigint,
  owner uuid,
  note text,
  question text,
  primary key (subject, kind),
  check ((owner is null) = (leased_until is null)),
  check (owner is null or question is null)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index job_claim on job (queue, merchant, due_at) where question is null;
create index job_parked on job (due_at) where question is not null;

create table paused_queue (
  queue smallint primary key
);
