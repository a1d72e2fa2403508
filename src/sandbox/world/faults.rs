//! What can go wrong in the world, by name: it knows the list, and must never know how one is played.

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A kind of trouble.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name in tables and corpus files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

faults! {
    /// The channel does what was asked; its answer never comes.
    AnswerLost = "channel answer lost",
    /// The channel does what was asked; its answer takes long, and comes.
    AnswerLate = "channel answer late",
    /// The request never reaches the channel, and we cannot know.
    NeverArrived = "request lost",
    /// The request reaches the channel long after we gave up waiting.
    ArrivesLate = "request arrives late",
    /// 5xx without effect.
    ServerError = "channel 5xx",
    /// 429 without effect.
    RateLimited = "channel 429",
    /// No connection: certainly not sent.
    NotSent = "not sent",
    /// The answer's signature is wrong, the effect happened.
    BadSignature = "bad answer signature",
    /// The channel definitely refuses a payment.
    Refused = "definite refusal",
    /// The channel refuses us for our set-up, for this one call.
    Misconfigured = "configuration refusal",
    /// A query does not see a payment yet.
    Propagation = "not visible yet",
    /// The database fails before it wrote.
    StoreBefore = "database error before the commit",
    /// The database wrote, and says that it failed.
    StoreAfter = "database error after the commit",
    /// A claim was written, and the process never learns of it.
    ClaimLost = "claim lost",
    /// A process dies.
    Crash = "process dies",
    /// A process stands still for longer than its leases.
    Zombie = "process pauses beyond its lease",
    /// A process stands still between "about to send" and the call, for longer than the channel's window.
    Sleeper = "process pauses before its call",
    /// A process' clock jumps by minutes.
    ClockJump = "clock jumps by minutes",
    /// A process' clock jumps by hours or days.
    ClockLeap = "clock jumps by days",
    /// One attempt of a notification is lost.
    NotifyLost = "notification lost",
    /// No attempt of a notification ever comes.
    NotifyNever = "notification never comes",
    /// A notification comes hours late.
    NotifyLate = "notification late",
    /// A notification comes many times, in any order.
    NotifyFlood = "notification many times",
    /// Somebody forges a notification.
    Forged = "forged notification",
    /// A notification for another account's payment, or for no payment of ours.
    Foreign = "foreign notification",
    /// The payer pays before our commit could show him the code.
    Eager = "payer before our commit",
    /// A merchant endpoint fails.
    MerchantFails = "merchant endpoint fails",
    /// A merchant endpoint answers 410.
    MerchantGone = "merchant endpoint gone",
    /// A job row vanishes.
    JobForgotten = "job forgotten",
    /// A claimed job is claimed again while its lease is alive.
    JobDuplicated = "job claimed twice",
    /// A job is put off.
    JobDelayed = "job delayed",
    /// An operator makes a job due, whatever its state.
    JobRetried = "job retried by an operator",
    /// An operator pauses a queue for a while.
    QueuePaused = "queue paused",
    /// Somebody asks for a close at an odd time.
    CloseWish = "close asked for",
    /// The channel takes another amount.
    WrongAmount = "wrong amount taken",
    /// The channel pays another merchant.
    OtherPayee = "other payee",
    /// The channel charges twice and tells one transaction after the other.
    TwoTransactions = "two transactions for a number",
    /// The channel says closed while it is not.
    FalseClosed = "channel says closed, is not",
    /// The channel forgets for a moment what it knows.
    Forgetful = "channel contradicts itself",
    /// The merchant's balance at the channel is not enough for refunds, for a while.
    NoFunds = "balance not enough for a refund",
    /// A refund takes hours.
    RefundSlow = "refund takes hours",
    /// The channel definitely refuses a refund.
    RefundRefused = "definite refusal of a refund",
    /// The channel gives a refund up that it had taken on.
    RefundClosed = "refund given up by the channel",
    /// The payer's bank sends a refund back.
    RefundAbnormal = "refund sent back by the bank",
    /// A refund that was sent back arrives after all: staff mended it at the channel.
    RefundMended = "sent-back refund arrives after all",
    /// A refund comes back after it had arrived.
    RefundReversed = "refund comes back after it arrived",
    /// The channel gives another amount back.
    RefundWrong = "wrong amount given back",
    /// The second way ends as the first.
    SecondWayFails = "second way fails",
    /// The channel wants more time between two refunds.
    TooSoon = "refund too soon for the channel",
    /// The channel takes no further refund of a payment: too many.
    TooMany = "too many refunds of a payment",
    /// The channel takes no refund of a payment any more: too old.
    TooOld = "payment too old for a refund",
    /// Somebody forges a notification of a refund.
    ForgedRefund = "forged notification of a refund",
    /// Another account's notification names a refund of ours.
    ForeignRefund = "foreign notification of a refund",
    /// A merchant asks for a refund that cannot be.
    ImpossibleRefund = "impossible refund asked for",
    /// Who asked for a refund approves it himself.
    SamePerson = "approval by who asked",
    /// A clerk gives up what he should not, or answers twice.
    ClumsyClerk = "clerk acts at an odd time",
    /// A payer opens a page and never pays.
    Opened = "page opened, not paid",
    /// A payer transfers, or hands over, less than is asked for.
    Underpaid = "paid too little",
    /// A payer transfers more than is asked for.
    Overpaid = "paid too much",
    /// A payer pays in pieces.
    InPieces = "paid in pieces",
    /// A statement comes days late.
    LineLate = "line of a statement late",
    /// A line comes again in other statements.
    LineTwice = "line of a statement again",
    /// A bank takes back money that had come.
    LineReversed = "money taken back by the bank",
    /// A hold lapses at the channel.
    HoldLapsed = "hold lapses",
    /// The channel collects from a payer what a service came to, and that takes long.
    CollectsLate = "collected hours after the service",
    /// A payer complains to his bank.
    Disputed = "payment disputed",
    /// The merchant wins.
    DisputeWon = "dispute won",
    /// The payer wins.
    DisputeLost = "dispute lost",
    /// The channel refuses to refund what is disputed.
    DisputedRefund = "refund of a disputed payment refused",
    /// A payer chooses again while what he chose before is open.
    PickedAgain = "chosen again while open",
    /// A payer chooses what cannot be chosen any more.
    ImpossiblePick = "impossible choice",
}
