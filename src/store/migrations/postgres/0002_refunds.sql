-- Money that goes back, and orders of several payments. Twin of migrations/sqlite/0002_refunds.sql.

-- A merchant's policies in one JSON text; what there was before is one of them.
alter table merchant add column policy text not null default '{}';
update merchant set policy = '{"late_money":' || late_money || '}';
alter table merchant alter column policy drop default;
alter table merchant drop column late_money;

alter table orders add column part_payment boolean not null default false;

-- What is given back of a payment or set aside for that. It may exceed the amount when a channel contradicts
-- itself; what adds to it beyond the amount by our own wish is refused by the writer.
alter table payment add column returned_minor bigint not null default 0 check (returned_minor >= 0);
-- Counts the payments of an order in the order in which they were given: 1, 2, 3 ...
alter table payment add column position smallint not null default 1 check (position > 0);
update payment p set position = 1 + (
  select count(*) from payment q
  where q.order_id = p.order_id and (q.created_at, q.id) < (p.created_at, p.id)
)
where exists (
  select 1 from payment q
  where q.order_id = p.order_id and (q.created_at, q.id) < (p.created_at, p.id)
);

-- What is observed, posted and asked may be about a refund or one of its legs: the 128 bits of an id.
alter table observation rename column payment to subject;
alter table observation drop constraint observation_source_check;
alter table observation add constraint observation_source_check check (source between 1 and 11);

alter table posting rename column payment to subject;
alter table posting drop constraint posting_debit_kind_check;
alter table posting add constraint posting_debit_kind_check check (debit_kind between 1 and 7);
alter table posting drop constraint posting_credit_kind_check;
alter table posting add constraint posting_credit_kind_check check (credit_kind between 1 and 7);

alter table question rename column payment to subject;
alter table question drop constraint question_kind_check;
alter table question add constraint question_kind_check check (kind between 1 and 5);
alter table question add column order_id uuid;
update question q set order_id = p.order_id from payment p where p.id = q.subject;
alter table question alter column order_id set not null;

alter table delivery drop constraint delivery_kind_check;
alter table delivery add constraint delivery_kind_check check (kind between 1 and 7);

-- Wishes to give money back. The id of one that follows by itself is derived from its payment's, so that it is
-- added once however often it is decided.
create table refund (
  created_at bigint not null,
  amount_minor bigint not null check (amount_minor > 0),
  id uuid primary key,
  order_id uuid not null,
  merchant uuid not null,
  cause smallint not null check (cause between 1 and 4),
  currency text not null check (length(currency) = 3),
  reason text not null,
  requested_by text not null,
  needs_approval boolean not null,
  late boolean not null,
  -- Where the payer wants it, sealed for the channel. Never readable here.
  payee text,
  -- From here on: what changes.
  version bigint not null check (version > 0),
  state smallint not null check (state between 1 and 9),
  evidence text not null
) with (fillfactor = 50);

create index refund_order on refund (order_id);

-- The ways by which a refund is fulfilled. The id is the number at the channel, for ever.
create table refund_leg (
  created_at bigint not null,
  amount_minor bigint not null check (amount_minor > 0),
  id uuid primary key,
  refund uuid not null,
  payment uuid not null,
  order_id uuid not null,
  merchant uuid not null,
  replaces uuid,
  sequence integer not null check (sequence > 0),
  route smallint not null check (route between 1 and 2),
  currency text not null check (length(currency) = 3),
  -- From here on: what changes.
  version bigint not null check (version > 0),
  due_at bigint,
  state smallint not null check (state between 1 and 14),
  -- Whether something is due for it at all; see payment.
  active boolean not null check (active = (due_at is not null)),
  evidence text not null,
  -- Finds the legs of a refund as well as those of an order.
  constraint refund_leg_sequence unique (order_id, refund, sequence)
) with (fillfactor = 35);

-- For the sweep.
create index refund_leg_active on refund_leg (id) where active;
