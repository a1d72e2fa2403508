-- Shares of an order's money for others. Twin of migrations/postgres/0008_shares.sql.

-- Who gets a share once the order is paid, as JSON. Never changes.
alter table orders add column shares text;

-- The shares of the payment that paid an order.
create table sharing (
  created_at integer not null,
  order_id blob not null primary key,
  payment blob not null,
  -- Under which id the ledger knows it.
  subject blob not null unique,
  merchant blob not null,
  account blob not null,
  currency text not null check (length(currency) = 3),
  -- Who gets how much, as JSON. Never changes.
  lines text not null,
  -- From here on: what changes.
  version integer not null check (version > 0),
  -- What was observed and what is pulled back, as JSON.
  course text not null
) strict;
