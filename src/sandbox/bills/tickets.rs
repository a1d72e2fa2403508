//! Tickets: files that wait to be fetched by a token that does not live long. It must never know what is in a file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Channel;
use crate::keys::random_text;

/// A file that waits.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) channel: Channel,
    pub(crate) account: String,
    pub(crate) bytes: Arc<Vec<u8>>,
    ends_ms: i64,
}

/// Files by token.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<HashMap<String, Ticket>>);

impl Tickets {
    /// Keeps a file until `ends_ms`, and gives its token; what was kept longer than it should be goes.
    pub(crate) fn keep(
        &self,
        (channel, account): (Channel, &str),
        bytes: Vec<u8>,
        now_ms: i64,
        ends_ms: i64,
    ) -> String {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, ticket| ticket.ends_ms > now_ms);
        let token = random_text(33);
        let (account, bytes) = (account.to_owned(), Arc::new(bytes));
        kept.insert(token.clone(), Ticket { channel, account, bytes, ends_ms });
        token
    }

    /// The file of a token that still lives.
    pub(crate) fn find(&self, token: &str, now_ms: i64) -> Option<Ticket> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(token).filter(|ticket| ticket.ends_ms > now_ms).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_its_file_until_its_end() {
        let tickets = Tickets::default();
        let token = tickets.keep((Channel::Alipay, "a"), vec![1], 0, 30);
        assert_eq!(*tickets.find(&token, 29).unwrap().bytes, vec![1]);
        assert!(tickets.find(&token, 30).is_none() && tickets.find("x", 0).is_none());
        tickets.keep((Channel::Alipay, "a"), vec![2], 30, 60);
        assert_eq!(tickets.0.lock().unwrap().len(), 1, "the old file is gone");
    }
}
