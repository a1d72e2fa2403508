//! Bank transfers: it knows files of banks and what a payer needs in order to transfer, and must never know how a
//! line finds its payment (`bursar_core::bank` knows).

pub mod statement;
