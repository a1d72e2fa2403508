//! The tools of the stories, one file per tool.

mod bench;
mod billing;
mod books;
mod branch;
mod channels;
mod cluster;
mod deck;
mod endpoint;
mod faulty;
mod feeding;
mod figures;
mod house;
mod lives;
mod mayhem;
mod postgres;
mod process;
mod proxy;
mod reconcile;
mod rescues;
mod scene;
mod wait;

pub use bench::{Bench, counted, runs};
pub use billing::{Place, follow_each_decline, live_through, pay_a_hundred_in_parts, serve};
pub use books::{End, assert_right, settle, violations};
pub use branch::{Branch, Entry, file as statement_file};
pub use channels::{Case, ROWS, Row, conforms};
pub use cluster::{Cluster, Death};
pub use deck::{Blow, Deck};
pub use endpoint::{Endpoint, Manner, Seen};
pub use faulty::{Act, FaultyStore};
pub use feeding::Feeding;
pub use figures::{Figures, block};
pub use house::House;
pub use lives::{held_by, rescued};
pub use mayhem::Mayhem;
pub use postgres::PrivatePostgres;
pub use process::{Process, Sign, binary};
pub use proxy::{Proxy, Trouble};
pub use reconcile::{
    ask_about_many_by_and_by, follow_issues_of_a_bill, follow_payouts_to_the_bank, reconcile_a_seeded_day,
    reconcile_days_of_a_bank, reconcile_days_of_cash, refuse_spoilt_bills, restore_from_ten_minutes_ago,
    take_a_long_bill_back, wait_for_every_bill,
};
pub use rescues::Rescues;
pub use scene::{Scene, Stage, settings};
pub use wait::{free_port, http, long_form, seed, until};
