-- Billing over time: agreements to charge a payer, and plans of amounts that are due on dates. Twin of
-- migrations/postgres/0004_billing.sql.
--
-- SQLite cannot change a constraint: such tables are built anew and filled from the old ones.

-- Which installment of which plan an order is. Never changes.
alter table orders add column plan blob;
alter table orders add column seq integer check ((plan is null) = (seq is null) and (seq is null or seq > 0));

-- The agreement that a payment was charged through. Never changes, as nothing else in the index does: how often one
-- was charged lately.
alter table payment add column agreement blob;
create index payment_agreement on payment (agreement, created_at) where agreement is not null;

-- A question about a plan has no order.
create table question_new (
  subject blob not null,
  kind integer not null check (kind between 1 and 10),
  opened_at integer not null,
  text text not null,
  order_id blob,
  primary key (subject, kind),
  check (order_id is not null or kind = 9)
) strict;
insert into question_new (subject, kind, opened_at, text, order_id)
  select subject, kind, opened_at, text, order_id from question;
drop table question;
alter table question_new rename to question;

-- Events are about orders (1), plans (2) and agreements (3).
create table delivery_new (
  sequence integer not null,
  created_at integer not null,
  id blob not null primary key,
  about blob not null,
  about_kind integer not null check (about_kind between 1 and 3),
  kind integer not null check (kind between 1 and 29),
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
  select sequence, created_at, id, order_id, 1, kind, endpoint, body, attempts, delivered_at, given_up_at, last_error
  from delivery;
drop table delivery;
alter table delivery_new rename to delivery;
create index delivery_about on delivery (about);
create index delivery_open on delivery (id) where delivered_at is null and given_up_at is null and endpoint is not null;
create index delivery_age on delivery (created_at);

-- A payer's consent to be charged.
create table agreement (
  created_at integer not null,
  sign_by integer not null,
  limit_minor integer not null check (limit_minor >= 0),
  id blob not null primary key,
  merchant blob not null,
  account blob not null,
  method integer not null,
  currency text not null check (length(currency) = 3),
  payer text not null,
  description text not null,
  -- What the channel needs to know of the payer, and how often he will be charged, as JSON.
  details text,
  rhythm text,
  -- From here on: what changes.
  version integer not null check (version > 0),
  event_count integer not null check (event_count >= 0),
  due_at integer,
  state integer not null check (state between 1 and 6),
  -- Whether something is due for it at all; see payment.
  active integer not null check (active = (due_at is not null)),
  evidence text not null
) strict;
create index agreement_payer on agreement (merchant, payer);
-- For the sweep.
create index agreement_active on agreement (id) where active;

-- Amounts that are due on dates.
create table plan (
  created_at integer not null,
  id blob not null primary key,
  merchant blob not null,
  number text not null check (number <> ''),
  currency text not null check (length(currency) = 3),
  payer text not null,
  description text not null,
  -- From here on: what changes.
  version integer not null check (version > 0),
  event_count integer not null check (event_count >= 0),
  due_at integer,
  -- Changes seldom, if ever: when a payer gives another.
  agreement blob,
  state integer not null check (state between 1 and 7),
  -- Whether something is due for it at all; see payment.
  active integer not null check (active = (due_at is not null)),
  -- What was agreed to, and how far it has come, as JSON.
  terms text not null,
  progress text not null,
  constraint plan_number unique (merchant, number)
) strict;
create index plan_payer on plan (merchant, payer);
create index plan_agreement on plan (agreement) where agreement is not null;
-- For the sweep.
create index plan_active on plan (id) where active;

-- The amounts of plans. Written only together with their plan, whose version is their guard.
create table installment (
  minor integer not null check (minor >= 0),
  seq integer not null check (seq > 0),
  plan blob not null,
  -- A calendar day in the plan's time zone.
  due_on text not null check (length(due_on) = 10),
  -- From here on: what changes.
  order_id blob,
  state integer not null check (state between 1 and 7),
  -- Whether it is not final, or has money to give back that was not asked for yet.
  open integer not null check (open or state in (5, 6, 7)),
  -- What it is for, its tries and what goes back, as JSON.
  course text not null,
  primary key (plan, seq)
) strict;
