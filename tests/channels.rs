//! Every channel passes the same cases, on both databases: through the real gateway, workers and adapters, against
//! the sandbox's channels over HTTP. What a case says stands in `support/channels/case.rs`, what a channel is like
//! in its file beside it.

use bursar_core::channel::ChannelKind;
use bursar_tests::{Case, ROWS, Row, conforms};

fn row(name: &str) -> Row {
    *ROWS.iter().find(|row| row.name == name).expect("a row of the table")
}

/// Makes of each row a test, and a list of their names.
macro_rules! each_conforms {
    ($($name:ident)*) => {
        const TRIED: &[&str] = &[$(stringify!($name)),*];
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn conforms_on_both_databases() {
                super::conforms(super::row(stringify!($name))).await;
            }
        })*
    };
}

each_conforms! { wechat wechat_score alipay alipay_page alipay_hold unionpay unionpay_web stripe stripe_hold bank cash }

#[test]
fn every_row_is_tried_and_every_channel_has_one() {
    assert_eq!(ROWS.map(|row| row.name), TRIED);
    for channel in ChannelKind::ALL {
        assert!(ROWS.iter().any(|row| row.channel() == channel), "{} is not tried", channel.name());
    }
}

/// What does not exist for a channel is written down, with a reason, and counted: nothing is left out in silence.
#[test]
fn a_case_that_does_not_exist_for_a_channel_says_why() {
    let mut left_out = 0;
    for row in ROWS {
        for case in Case::ALL {
            let Some(why) = row.not_applicable(case) else { continue };
            assert!(why.len() > 20, "{} {}: say why", row.name, case.name());
            left_out += 1;
        }
        for (case, _) in row.not_applicable {
            assert_eq!(row.not_applicable.iter().filter(|(c, _)| c == case).count(), 1, "{} {}", row.name, case.name());
        }
    }
    assert_eq!((ROWS.len() * Case::ALL.len() - left_out, left_out), (191, 62), "cases played, and left out");
}
