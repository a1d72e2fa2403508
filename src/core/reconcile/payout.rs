//! Payouts at the bank: it knows by which names channels pay merchants, and must never know an amount.

use crate::channel::ChannelKind;

/// Whether a credit from `name`, with `text`, may be a payout of `channel`: banks write the payer's company, which is
/// not the channel's brand.
pub fn is_from_channel(channel: ChannelKind, name: &str, text: &str) -> bool {
    let words = channel.bill_facts().payers;
    let (name, text) = (name.to_uppercase(), text.to_uppercase());
    words.iter().any(|word| name.contains(word) || text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(!is_from_channel(ChannelKind::Bank, name, name));
        }
        assert!(!is_from_channel(ChannelKind::Wechat, "支付宝(中国)网络技术有限公司", ""));
    }
}
