//! Payers with agreements at every channel that has them, on both databases: through the real gateway, workers and
//! adapters, against the sandbox's channels over HTTP. What they live through stands in `support/billing/stories.rs`.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bursar_core::channel::Method;
use bursar_tests::{Place, PrivatePostgres, follow_each_decline, live_through, pay_a_hundred_in_parts};

/// Makes of each method two tests, and a list of their methods.
macro_rules! each_is_lived_through {
    ($($name:ident $method:ident $rhythmic:literal)*) => {
        const LIVED: &[Method] = &[$(Method::$method),*];
        $(mod $name {
            use super::{Method, Place, live_through, shared_postgres};

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn lives_through_every_story_on_sqlite() {
                live_through(Place { method: Method::$method, rhythmic: $rhythmic }, None).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn lives_through_every_story_on_postgres() {
                let server = shared_postgres();
                live_through(Place { method: Method::$method, rhythmic: $rhythmic }, Some(server.database(stringify!($name)))).await;
            }
        })*
    };
}

each_is_lived_through! {
    card_debit CardDebit false
    wechat_debit WechatDebit false
    alipay_debit AlipayDebit false
    alipay_rhythm AlipayDebit true
    unionpay_debit UnionpayDebit false
}

#[test]
fn every_method_that_debits_is_lived_through() {
    for method in Method::ALL.into_iter().filter(|method| method.debits()) {
        assert!(LIVED.contains(&method), "{} is not tried", method.name());
    }
}

/// By what a hundred in parts is paid.
const TOKEN: Place = Place { method: Method::UnionpayDebit, rhythmic: false };

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_in_parts_sums_exactly_on_sqlite() {
    pay_a_hundred_in_parts(TOKEN, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_in_parts_sums_exactly_on_postgres() {
    let server = shared_postgres();
    pay_a_hundred_in_parts(TOKEN, Some(server.database("a_hundred"))).await;
}

/// Of all of them its sandbox declines at once, and says why.
const CARD: Place = Place { method: Method::CardDebit, rhythmic: false };

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_decline_has_its_course_on_sqlite() {
    follow_each_decline(CARD, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_decline_has_its_course_on_postgres() {
    let server = shared_postgres();
    follow_each_decline(CARD, Some(server.database("declines"))).await;
}

/// One server for all tests of this process that run at the same time; the last of them stops it.
fn shared_postgres() -> Arc<PrivatePostgres> {
    static SERVER: Mutex<Weak<PrivatePostgres>> = Mutex::new(Weak::new());
    let mut place = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    place.upgrade().unwrap_or_else(|| {
        let made = Arc::new(PrivatePostgres::start_with(&["fsync=off", "synchronous_commit=off"]));
        *place = Arc::downgrade(&made);
        made
    })
}
