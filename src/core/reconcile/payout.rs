//! Payouts at the bank: it knows by which names channels pay merchants, and must never know an amount.

use uuid::Uuid;

use super::judge::derived;
use crate::channel::ChannelKind;
use crate::id::BillId;

/// By what the movement of a payout is known: the line that tells of it. A later issue that tells it otherwise tells of
/// another one.
pub fn payout_subject(bill: BillId, ordinal: u32) -> Uuid {
    derived(bill.uuid().into_bytes().into_iter().chain(ordinal.to_be_bytes()))
}

/// Whether a credit from `name`, with `text`, may be a payout of `channel`: banks write the payer's company, which is
/// not the channel's brand. What customers write themselves counts only where the bank tells no name.
pub fn is_from_channel(channel: ChannelKind, name: &str, text: &str) -> bool {
    let told = if name.trim().is_empty() { text } else { name }.to_uppercase();
    channel.bill_facts().payers.iter().any(|word| told.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_tells_of_a_payout_of_its_own() {
        let bills = [1, 2].map(|n| BillId(Uuid::from_u128(n)));
        let all = bills.into_iter().flat_map(|bill| [1, 2].map(|ordinal| payout_subject(bill, ordinal)));
        assert_eq!(all.collect::<std::collections::BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn companies_behind_channels_are_known_and_customers_are_not() {
        for (channel, name) in [
            (ChannelKind::Wechat, "财付通支付科技有限公司"),
            (ChannelKind::Alipay, "支付宝(中国)网络技术有限公司"),
            (ChannelKind::Unionpay, "银联商务支付股份有限公司"),
            (ChannelKind::Stripe, "Stripe Payments"),
        ] {
            assert!(is_from_channel(channel, name, ""), "{name}");
            assert!(is_from_channel(channel, "", name), "{name}");
            assert!(!is_from_channel(channel, "王小明", "保洁费"));
            assert!(!is_from_channel(channel, "王小明", name), "a customer who writes so");
            assert!(!is_from_channel(ChannelKind::Bank, name, name));
        }
        assert!(!is_from_channel(ChannelKind::Wechat, "支付宝(中国)网络技术有限公司", ""));
    }
}
