//! Messages: their form, their signatures and their schedule.

use super::caller::{provisioned, text, webhook_secret};
use super::{eventually, stage, stage_with};
use crate::Faults;
use crate::stripe::front::WAITS_S;

#[tokio::test]
async fn a_payment_is_told_once_signed_and_in_the_documented_envelope() {
    let stage = stage().await;
    let id = text(&stage.paid("n1").await["id"]);
    let event = stage.message("payment_intent.succeeded").await;
    assert!(text(&event["id"]).starts_with("evt_"));
    assert_eq!((&event["object"], &event["livemode"]), (&"event".into(), &false.into()));
    assert_eq!(
        (&event["data"]["object"]["id"], &event["data"]["object"]["status"]),
        (&id.as_str().into(), &"succeeded".into())
    );
    eventually("it is accepted", || stage.sandbox.counters().notifications_accepted == 1).await;
    let letter = stage.inbox.letters().remove(0);
    assert!(letter.is_signed_with(&webhook_secret()) && !letter.is_signed_with("whsec_other"));
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), None, "an accepted message is not repeated");
    assert_eq!(stage.entry("n1").notifications_accepted, 1);
}

#[tokio::test]
async fn while_a_secret_is_rolled_messages_are_signed_with_both() {
    let stage = stage_with(|config| {
        for account in &mut config.stripe {
            account.webhook_secrets.push("whsec_next".to_owned());
        }
    })
    .await;
    stage.paid("n1").await;
    stage.message("payment_intent.succeeded").await;
    let letter = stage.inbox.letters().remove(0);
    assert!(letter.is_signed_with(&webhook_secret()) && letter.is_signed_with("whsec_next"));
}

#[tokio::test]
async fn refused_messages_are_repeated_by_the_schedule_and_then_given_up() {
    let stage = stage().await;
    stage.inbox.answer_with(500);
    stage.paid("n1").await;
    stage.skip_to_next().await;
    let timers = &stage.sandbox.world.timers;
    for (attempt, wait_s) in WAITS_S.into_iter().enumerate() {
        let refused = u64::try_from(attempt).unwrap() + 1;
        eventually("the attempt is refused", || {
            stage.sandbox.counters().notifications_refused == refused && timers.next_due_ms().is_some()
        })
        .await;
        assert_eq!(timers.next_due_ms(), Some(stage.now_ms() + wait_s * 1_000), "after attempt {attempt}");
        stage.clock.advance_ms(wait_s * 1_000);
    }
    eventually("the sandbox gives up", || stage.sandbox.counters().notifications_given_up == 1).await;
    let letters = stage.inbox.letters();
    assert_eq!(letters.len(), WAITS_S.len() + 1);
    let ids: std::collections::BTreeSet<_> = letters.iter().map(|letter| text(&letter.event()["id"])).collect();
    assert_eq!(ids.len(), 1, "all attempts are one message");
    assert!(letters.iter().all(|letter| letter.is_signed_with(&webhook_secret())), "each is signed at its own time");
}

#[tokio::test]
async fn a_forged_message_goes_ahead_when_that_is_asked_for() {
    let stage = stage_with(|config| config.faults = Faults { signtest_probe: 10_000, ..Faults::calm() }).await;
    stage.paid("n1").await;
    stage.skip_to_next().await;
    eventually("both have come", || stage.inbox.count() == 2).await;
    let letters = stage.inbox.letters();
    assert!(!letters[0].is_signed_with(&webhook_secret()) && letters[1].is_signed_with(&webhook_secret()));
    assert_eq!(stage.sandbox.counters().probes_accepted, 0);
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_sent() {
    let clock = std::sync::Arc::new(bursar_core::clock::ManualClock::at(bursar_core::clock::Timestamp::from_millis(1)));
    let sandbox = crate::start(crate::SandboxConfig::new(clock.clone(), provisioned())).await.unwrap();
    let caller = super::caller::Caller::new(sandbox.base_url());
    caller.create("n1", &[]).await;
    sandbox.pay(&provisioned().stripe.account_id, "n1", crate::PayMode::Normal).unwrap();
    clock.advance_ms(10_000);
    let timers = &sandbox.world.timers;
    eventually("it was due", || timers.next_due_ms().is_none() && timers.is_quiet()).await;
    assert_eq!(sandbox.counters().notifications_sent, 0);
    assert!(sandbox.set_stripe_endpoint("acct_none", "http://127.0.0.1:9").is_err());
}
