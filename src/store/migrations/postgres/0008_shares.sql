-- Shares of an order's money for others. Twin of migrations/sqlite/0008_shares.sql.

-- Who gets a share once the order is paid, as JSON. Never changes.
alter table orders add column shares text;

-- The shares of the payment that paid an order.
create table sharing (
  created_at bigint not null,
  order_id uuid not null primary key,
  payment uuid not null,
  -- Under which id the ledger knows it.
  subject uuid not null unique,
  merchant uuid not null,
  account uuid not null,
  currency text not null check (length(currency) = 3),
  -- Who gets how much, as JSON. Never changes.
  lines text not null,
  -- From here on: what changes.
  version bigint not null check (version > 0),
  -- What was observed and what is pulled back, as JSON.
  course text not null
) with (fillfactor = 50);
