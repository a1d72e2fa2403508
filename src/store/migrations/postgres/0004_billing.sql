-- Billing over time: agreements to charge a payer, and plans of amounts that are due on dates. Twin of
-- migrations/sqlite/0004_billing.sql.

-- Which installment of which plan an order is. Never changes.
alter table orders add column plan uuid;
alter table orders add column seq bigint;
alter table orders add constraint orders_seq_check check ((plan is null) = (seq is null) and (seq is null or seq > 0));

-- The agreement that a payment was charged through. Never changes, as nothing else in the index does: how often one
-- was charged lately.
alter table payment add column agreement uuid;
create index payment_agreement on payment (agreement, created_at) where agreement is not null;

-- A question about a plan has no order.
alter table question alter column order_id drop not null;
alter table question drop constraint question_kind_check;
alter table question add constraint question_kind_check check (kind between 1 and 10);
alter table question add constraint question_order_id_check check (order_id is not null or kind = 9);

-- Events are about orders (1), plans (2) and agreements (3).
alter table delivery rename column order_id to about;
alter index delivery_order rename to delivery_about;
alter table delivery add column about_kind smallint not null default 1 check (about_kind between 1 and 3);
alter table delivery alter column about_kind drop default;
alter table delivery drop constraint delivery_kind_check;
alter table delivery add constraint delivery_kind_check check (kind between 1 and 29);

-- A payer's consent to be charged.
create table agreement (
  created_at bigint not null,
  sign_by bigint not null,
  limit_minor bigint not null check (limit_minor >= 0),
  id uuid primary key,
  merchant uuid not null,
  account uuid not null,
  method smallint not null,
  currency text not null check (length(currency) = 3),
  payer text not null,
  description text not null,
  -- What the channel needs to know of the payer, and how often he will be charged, as JSON.
  details text,
  rhythm text,
  -- From here on: what changes.
  version bigint not null check (version > 0),
  event_count bigint not null check (event_count >= 0),
  due_at bigint,
  state smallint not null check (state between 1 and 6),
  -- Whether something is due for it at all; see payment.
  active boolean not null check (active = (due_at is not null)),
  evidence text not null
) with (fillfactor = 50);
create index agreement_payer on agreement (merchant, payer);
-- For the sweep.
create index agreement_active on agreement (id) where active;

-- Amounts that are due on dates.
create table plan (
  created_at bigint not null,
  id uuid primary key,
  merchant uuid not null,
  number text not null check (number <> ''),
  currency text not null check (length(currency) = 3),
  payer text not null,
  description text not null,
  -- From here on: what changes.
  version bigint not null check (version > 0),
  event_count bigint not null check (event_count >= 0),
  due_at bigint,
  -- Changes seldom, if ever: when a payer gives another.
  agreement uuid,
  state smallint not null check (state between 1 and 7),
  -- Whether something is due for it at all; see payment.
  active boolean not null check (active = (due_at is not null)),
  -- What was agreed to, and how far it has come, as JSON.
  terms text not null,
  progress text not null,
  constraint plan_number unique (merchant, number)
) with (fillfactor = 50);
create index plan_payer on plan (merchant, payer);
create index plan_agreement on plan (agreement) where agreement is not null;
-- For the sweep.
create index plan_active on plan (id) where active;

-- The amounts of plans. Written only together with their plan, whose version is their guard.
create table installment (
  minor bigint not null check (minor >= 0),
  seq bigint not null check (seq > 0),
  plan uuid not null,
  -- A calendar day in the plan's time zone.
  due_on text not null check (length(due_on) = 10),
  -- From here on: what changes.
  order_id uuid,
  state smallint not null check (state between 1 and 7),
  -- Whether it is not final, or has money to give back that was not asked for yet.
  open boolean not null check (open or state in (5, 6, 7)),
  -- What it is for, its tries and what goes back, as JSON.
  course text not null,
  primary key (plan, seq)
) with (fillfactor = 70);
