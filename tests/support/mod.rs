//! The tools of the stories, one file per tool.

mod bench;
mod books;
mod cluster;
mod endpoint;
mod faulty;
mod feeding;
mod house;
mod lives;
mod postgres;
mod process;
mod scene;
mod wait;

pub use bench::{Bench, counted, runs};
pub use books::{End, assert_right, settle};
pub use cluster::{Cluster, Rescues};
pub use endpoint::{Endpoint, Manner, Seen};
pub use faulty::{Act, FaultyStore};
pub use feeding::Feeding;
pub use house::House;
pub use lives::{held_by, rescued};
pub use postgres::PrivatePostgres;
pub use process::{Process, binary};
pub use scene::{Scene, Stage, settings};
pub use wait::{free_port, http, long_form, until};
