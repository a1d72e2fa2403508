//! Bills: what the channels tell merchants afterwards of a day's money. It knows what bills of all channels have in
//! common - days, fees, movements from the books, payouts, what is wrong with a bill on request - and must never know
//! a channel's format.

pub(crate) mod face;
pub(crate) mod fees;
pub(crate) mod flaws;
pub(crate) mod flows;
pub(crate) mod movement;
pub(crate) mod packing;
pub(crate) mod payouts;
pub(crate) mod sheet;
pub(crate) mod terms;
pub(crate) mod tickets;
pub(crate) mod words;
