//! Whom we believe.

use super::*;
use crate::unionpay::chain::{Distrust, Trust};
use crate::unionpay::verify::{Doubt, Keyring};

const BY_ROOT: &str = include_str!("../../testdata/unionpay/channel_by_root.pem");
const EXPIRED: &str = include_str!("../../testdata/unionpay/channel_expired.pem");
const EARLY: &str = include_str!("../../testdata/unionpay/channel_early.pem");
const OTHER_COMPANY: &str = include_str!("../../testdata/unionpay/channel_other_company.pem");
const TEST_NAME: &str = include_str!("../../testdata/unionpay/channel_test_name.pem");
const BY_STRANGER: &str = include_str!("../../testdata/unionpay/channel_by_stranger.pem");
const BY_LEAF: &str = include_str!("../../testdata/unionpay/channel_by_leaf.pem");
const SHA1: &str = include_str!("../../testdata/unionpay/channel_sha1.pem");
const EXPIRED_MIDDLE: &str = include_str!("../../testdata/unionpay/middle_expired.pem");

fn keyring(middles: &[&str], test_names: bool, sha1: bool) -> Keyring {
    let middles: Vec<_> = middles.iter().map(|pem| pem.as_bytes()).collect();
    Keyring::new(Trust::new(&[ROOT.as_bytes()], &middles, test_names, sha1).unwrap())
}

fn message(key: &str, certificate: &str) -> Fields {
    fields(&signed_with(paid(&[]), key, certificate))
}

fn verdict(keyring: &Keyring, certificate: &str) -> Result<(), Doubt> {
    keyring.verify(&message(CHANNEL_KEY, certificate), Some(NOW))
}

#[test]
fn a_certificate_is_believed_when_it_leads_to_the_root_is_in_force_and_names_the_channel() {
    let strict = keyring(&[MIDDLE], false, false);
    assert_eq!(verdict(&strict, CHANNEL), Ok(()));
    assert_eq!(verdict(&strict, BY_ROOT), Ok(()));
    for (certificate, distrust) in [
        (EXPIRED, Distrust::NotValidNow),
        (EARLY, Distrust::NotValidNow),
        (OTHER_COMPANY, Distrust::OtherCompany),
        (TEST_NAME, Distrust::OtherCompany),
        (BY_STRANGER, Distrust::Stranger),
        // An issuer is nobody by his name, and nobody by being believed himself.
        (BY_LEAF, Distrust::Stranger),
        (SHA1, Distrust::Stranger),
        // Authorities sign certificates, not messages.
        (MIDDLE, Distrust::OtherCompany),
        (ROOT, Distrust::OtherCompany),
        (CHANNEL_KEY, Distrust::Unreadable),
        ("-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----", Distrust::Unreadable),
        ("x", Distrust::Unreadable),
    ] {
        assert_eq!(verdict(&strict, certificate), Err(Doubt::Distrusted(distrust)), "{certificate}");
    }
}

#[test]
fn without_the_certificate_in_the_middle_nobody_is_known() {
    assert_eq!(verdict(&keyring(&[], false, false), CHANNEL), Err(Doubt::Distrusted(Distrust::Stranger)));
}

#[test]
fn a_certificate_is_in_force_while_all_above_it_are_and_one_good_way_is_enough() {
    let ended = keyring(&[EXPIRED_MIDDLE], false, false);
    assert_eq!(verdict(&ended, CHANNEL), Err(Doubt::Distrusted(Distrust::NotValidNow)));
    for middles in [[EXPIRED_MIDDLE, MIDDLE], [MIDDLE, EXPIRED_MIDDLE]] {
        assert_eq!(verdict(&keyring(&middles, false, false), CHANNEL), Ok(()), "the authority renewed its own");
    }
}

#[test]
fn the_test_systems_names_and_digest_are_believed_where_the_account_says_so() {
    let lenient = keyring(&[MIDDLE], true, true);
    assert_eq!(verdict(&lenient, TEST_NAME), Ok(()));
    assert_eq!(verdict(&lenient, SHA1), Ok(()));
    assert_eq!(verdict(&lenient, OTHER_COMPANY), Err(Doubt::Distrusted(Distrust::OtherCompany)));
}

#[test]
fn validity_is_judged_at_each_use_though_the_rest_was_checked_once() {
    let keyring = keyring(&[MIDDLE], false, false);
    let message = message(CHANNEL_KEY, EXPIRED);
    let before = Timestamp::parse_rfc3339("2027-01-09T23:59:59Z").unwrap();
    let end = Timestamp::parse_rfc3339("2027-01-10T00:00:00Z").unwrap();
    assert_eq!(keyring.verify(&message, Some(before)), Ok(()));
    assert_eq!(keyring.verify(&message, Some(end)), Ok(()), "its last second");
    assert_eq!(keyring.verify(&message, Some(end.plus_ms(1_000))), Err(Doubt::Distrusted(Distrust::NotValidNow)));
    // A message that was believed when it was stored stays believed.
    assert_eq!(keyring.verify(&message, None), Ok(()));
}

#[test]
fn only_what_was_checked_is_remembered_and_once() {
    let keyring = keyring(&[MIDDLE], false, false);
    for _ in 0..3 {
        assert_eq!(verdict(&keyring, CHANNEL), Ok(()));
        assert!(verdict(&keyring, BY_STRANGER).is_err());
        assert!(verdict(&keyring, OTHER_COMPANY).is_err());
    }
    assert_eq!(keyring.remembered(), 1);
    // The same certificate in other line breaks is another text. They cannot fill the memory.
    for blanks in 1..40 {
        let text = CHANNEL.replace("\n-----END", &format!("{}\n-----END", " ".repeat(blanks)));
        assert_eq!(verdict(&keyring, &text), Ok(()));
    }
    assert!(keyring.remembered() <= 16, "{}", keyring.remembered());
}

#[test]
fn a_certificate_vouches_for_its_own_key_only() {
    let keyring = keyring(&[MIDDLE], false, false);
    assert_eq!(keyring.verify(&message(OTHER_KEY, CHANNEL), Some(NOW)), Err(Doubt::Forged));
}

#[test]
fn middle_certificates_are_taken_in_any_order_but_must_lead_to_the_root() {
    let roots = [ROOT.as_bytes()];
    assert!(Trust::new(&roots, &[format!("{MIDDLE}{ROOT}").as_bytes()], false, false).is_ok());
    // A certificate may be given for an issuer's only when it says of itself that it may issue; neither of these
    // does, one by naming other uses of its key, one by saying so.
    for leaf in [CHANNEL, SHA1] {
        for (roots, middles) in [([leaf.as_bytes()], [MIDDLE.as_bytes()]), (roots, [leaf.as_bytes()])] {
            let error = Trust::new(&roots, &middles, false, true).err().unwrap();
            assert!(error.contains("certificate of an authority"), "{error}");
        }
    }
    let error = Trust::new(&[MIDDLE.as_bytes()], &[ROOT.as_bytes()], false, false).err().unwrap();
    assert!(error.contains("does not lead to a root"), "{error}");
}

#[tokio::test]
async fn an_answer_with_a_certificate_that_is_not_believed_is_unknown_and_says_why() {
    for (certificate, words) in [
        (EXPIRED, "not valid now"),
        (OTHER_COMPANY, "not issued to UnionPay"),
        (BY_STRANGER, "no configured certificate issued"),
    ] {
        let peer = peer(&[(QUERY, raw(&signed_with(paid(&[]), CHANNEL_KEY, certificate)))]).await;
        let Outcome::Unknown(why) = Fixture::at(&[peer.url()]).query().await else { panic!() };
        assert_eq!((why.kind, why.not_sent), (WhyKind::BadSignature, false));
        assert!(why.detail.contains(words), "{why}");
    }
}
