//! The cases by name: it knows what each says, and must never know how it is played.

/// What every channel must do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Case {
    /// An order becomes payable: the channel knows it once, with our number and amount.
    Create,
    /// The payer pays; it is captured once, and the merchant is told once.
    Pay,
    /// An attempt of the payer fails; the order stays payable, and he pays.
    Fail,
    /// No notification comes: payment and refund are found by asking.
    Query,
    /// Nobody asks: the notification brings the payment.
    Notify,
    /// The merchant closes an order that its payer has met and not paid: it ends closed, and nobody can pay it.
    Close,
    /// Nobody ever pays: the order ends closed at its last moment.
    Expire,
    /// Paid while it is being closed: never lost, never twice.
    Race,
    /// The whole goes back, once; more than the whole is refused.
    RefundWhole,
    /// Two parts go back; more than what is left is refused.
    RefundParts,
    /// The answer to the create call is lost: one order, one charge.
    LostCreate,
    /// The answer to the refund call is lost: one refund.
    LostRefund,
    /// Answers with a wrong signature change nothing, and the truth is found afterwards.
    ForgedAnswers,
    /// Messages that were changed or signed by somebody else are refused and change nothing.
    ForgedNotices,
    /// Each message comes three times: one effect.
    Duplicate,
    /// The channel tells of money that came after closing: it goes back by itself.
    Late,
    /// Nobody tells of it: it is found all the same, and goes back.
    LateUnheard,
    /// What is held is let go when the order is closed.
    Void,
    /// Of what is held what the service came to is taken, and can go back; the rest is let go.
    CaptureLess,
    /// The answer to the capture call is lost: the money is taken once.
    LostCapture,
    /// Money comes in pieces: too little waits for the rest, too much goes back.
    Pieces,
    /// The payer pays the channel in installments: the merchant has the whole at once, and a refund is ordinary.
    Installments,
    /// Errors of the channel's system and time-outs, at create and at asking, end in the truth.
    Unknown,
}

impl Case {
    /// Every case.
    pub const ALL: [Self; 23] = [
        Self::Create,
        Self::Pay,
        Self::Fail,
        Self::Query,
        Self::Notify,
        Self::Close,
        Self::Expire,
        Self::Race,
        Self::RefundWhole,
        Self::RefundParts,
        Self::LostCreate,
        Self::LostRefund,
        Self::ForgedAnswers,
        Self::ForgedNotices,
        Self::Duplicate,
        Self::Late,
        Self::LateUnheard,
        Self::Void,
        Self::CaptureLess,
        Self::LostCapture,
        Self::Pieces,
        Self::Installments,
        Self::Unknown,
    ];

    /// Whether it is played where nobody asks.
    pub(super) const fn listens(self) -> bool {
        matches!(self, Self::Notify | Self::ForgedNotices | Self::Duplicate | Self::Late)
    }

    /// Whether it waits for the end of an order's life: such take longest.
    pub(super) const fn waits_for_an_end(self) -> bool {
        matches!(
            self,
            Self::Close
                | Self::Expire
                | Self::Race
                | Self::Late
                | Self::LateUnheard
                | Self::LostCreate
                | Self::ForgedAnswers
        )
    }

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Pay => "pay",
            Self::Fail => "fail",
            Self::Query => "query",
            Self::Notify => "notify",
            Self::Close => "close",
            Self::Expire => "expire",
            Self::Race => "race",
            Self::RefundWhole => "refund_whole",
            Self::RefundParts => "refund_parts",
            Self::LostCreate => "lost_create",
            Self::LostRefund => "lost_refund",
            Self::ForgedAnswers => "forged_answers",
            Self::ForgedNotices => "forged_notices",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::LateUnheard => "late_unheard",
            Self::Void => "void",
            Self::CaptureLess => "capture_less",
            Self::LostCapture => "lost_capture",
            Self::Pieces => "pieces",
            Self::Installments => "installments",
            Self::Unknown => "unknown",
        }
    }
}
