-- Installments that a channel grants its payer. Twin of migrations/postgres/0006_installments.sql.

-- In what installments the channel shall offer a payment, as JSON. Never changes.
alter table payment add column installments text;
