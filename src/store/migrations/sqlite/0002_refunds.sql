-- Money that goes back, and orders of several payments. Twin of migrations/postgres/0002_refunds.sql.
--
-- SQLite cannot change a constraint: such tables are built anew and filled from the old ones.

-- A merchant's policies in one JSON text; what there was before is one of them.
create table merchant_new (
  id blob not null primary key,
  name text not null,
  created_at integer not null,
  policy text not null
) strict;
insert into merchant_new (id, name, created_at, policy)
  select id, name, created_at, '{"late_money":' || late_money || '}' from merchant;
drop table merchant;
alter table merchant_new rename to merchant;

alter table orders add column part_payment integer not null default 0;

-- What is given back of a payment or set aside for that. It may exceed the amount when a channel contradicts
-- itself; what adds to it beyond the amount by our own wish is refused by the writer.
alter table payment add column returned_minor integer not null default 0 check (returned_minor >= 0);
-- Counts the payments of an order in the order in which they were given: 1, 2, 3 ...
alter table payment add column position integer not null default 1 check (position > 0);
update payment set position = 1 + (
  select count(*) from payment q
  where q.order_id = payment.order_id and (q.created_at, q.id) < (payment.created_at, payment.id)
)
where exists (
  select 1 from payment q
  where q.order_id = payment.order_id and (q.created_at, q.id) < (payment.created_at, payment.id)
);

-- What is observed, posted and asked may be about a refund or one of its legs: the 128 bits of an id.
create table observation_new (
  sequence integer not null,
  seen_at integer not null,
  subject blob not null,
  source integer not null check (source between 1 and 11),
  notification blob,
  claim text not null,
  primary key (subject, sequence)
) strict;
insert into observation_new (sequence, seen_at, subject, source, notification, claim)
  select sequence, seen_at, payment, source, notification, claim from observation;
drop table observation;
alter table observation_new rename to observation;

create table posting_new (
  sequence integer not null,
  amount_minor integer not null check (amount_minor > 0),
  at integer not null,
  subject blob not null,
  debit_owner blob not null,
  credit_owner blob not null,
  debit_kind integer not null check (debit_kind between 1 and 7),
  credit_kind integer not null check (credit_kind between 1 and 7),
  currency text not null check (length(currency) = 3),
  primary key (subject, sequence),
  check (debit_kind <> credit_kind or debit_owner <> credit_owner)
) strict;
insert into posting_new (sequence, amount_minor, at, subject, debit_owner, credit_owner, debit_kind, credit_kind, currency)
  select sequence, amount_minor, at, payment, debit_owner, credit_owner, debit_kind, credit_kind, currency from posting;
drop table posting;
alter table posting_new rename to posting;

create table question_new (
  subject blob not null,
  kind integer not null check (kind between 1 and 5),
  opened_at integer not null,
  text text not null,
  order_id blob not null,
  primary key (subject, kind)
) strict;
insert into question_new (subject, kind, opened_at, text, order_id)
  select q.payment, q.kind, q.opened_at, q.text, p.order_id from question q join payment p on p.id = q.payment;
drop table question;
alter table question_new rename to question;

create table delivery_new (
  sequence integer not null,
  created_at integer not null,
  id blob not null primary key,
  order_id blob not null,
  kind integer not null check (kind between 1 and 7),
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

-- Wishes to give money back. The id of one that follows by itself is derived from its payment's, so that it is
-- added once however often it is decided.
create table refund (
  created_at integer not null,
  amount_minor integer not null check (amount_minor > 0),
  id blob not null primary key,
  order_id blob not null,
  merchant blob not null,
  cause integer not null check (cause between 1 and 4),
  currency text not null check (length(currency) = 3),
  reason text not null,
  requested_by text not null,
  needs_approval integer not null,
  late integer not null,
  -- Where the payer wants it, sealed for the channel. Never readable here.
  payee text,
  -- From here on: what changes.
  version integer not null check (version > 0),
  state integer not null check (state between 1 and 9),
  evidence text not null
) strict;

create index refund_order on refund (order_id);

-- The ways by which a refund is fulfilled. The id is the number at the channel, for ever.
create table refund_leg (
  created_at integer not null,
  amount_minor integer not null check (amount_minor > 0),
  id blob not null primary key,
  refund blob not null,
  payment blob not null,
  order_id blob not null,
  merchant blob not null,
  replaces blob,
  sequence integer not null check (sequence > 0),
  route integer not null check (route between 1 and 2),
  currency text not null check (length(currency) = 3),
  -- From here on: what changes.
  version integer not null check (version > 0),
  due_at integer,
  state integer not null check (state between 1 and 14),
  -- Whether something is due for it at all; see payment.
  active integer not null check (active = (due_at is not null)),
  evidence text not null,
  -- Finds the legs of a refund as well as those of an order.
  constraint refund_leg_sequence unique (order_id, refund, sequence)
) strict;

-- For the sweep.
create index refund_leg_active on refund_leg (id) where active;
