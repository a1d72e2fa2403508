//! Every kind of problem: it knows the stable name, the status and the advice of each, and must never know
//! an occurrence.

use http::StatusCode;

macro_rules! kinds {
    ($($name:ident, $slug:literal, $status:ident, $title:literal, $advice:literal;)*) => {
        /// A kind of problem. Its slug is stable: clients may branch on it.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Kind {
            $(
                #[doc = $title]
                $name,
            )*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable name; `/problems/{slug}` is its page and its `type`.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// The short text that is the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What the client should do, in words.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

impl Kind {
    /// The `type` of its problems.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.slug())
    }
}

kinds! {
    MalformedJson, "malformed-json", BAD_REQUEST, "The body is not the JSON that is expected",
        "Send one JSON object in UTF-8, each member once. Nothing was changed.";
    InvalidParameter, "invalid-parameter", BAD_REQUEST, "A query parameter is not valid",
        "Correct the parameters named in `errors`. A cursor is only valid with the filters it was given for: start again without it.";
    MissingIdempotencyKey, "missing-idempotency-key", BAD_REQUEST, "The Idempotency-Key header is missing",
        "Send a fresh random key (a UUID) with each new operation and the same key with each retry of it.";
    InvalidIdempotencyKey, "invalid-idempotency-key", BAD_REQUEST, "The Idempotency-Key header is not valid",
        "Send exactly one Idempotency-Key of 1 to 255 visible ASCII characters.";
    Unauthorized, "unauthorized", UNAUTHORIZED, "The API key is missing or not valid",
        "Send `Authorization: Bearer bk_…` with a key that was made by `bursar merchant add-key` and is not revoked.";
    NotFound, "not-found", NOT_FOUND, "There is no such thing",
        "Check the address and the id. Ids of other merchants do not exist for you.";
    MethodNotAllowed, "method-not-allowed", METHOD_NOT_ALLOWED, "The method is not allowed here",
        "Use a method that the `Allow` header names.";
    BodyTimeout, "body-timeout", REQUEST_TIMEOUT, "The body did not arrive in time",
        "Send the request again. Nothing was changed.";
    IdempotencyKeyInFlight, "idempotency-key-in-flight", CONFLICT, "The first request with this key is still running",
        "Repeat the same request with the same key in a moment.";
    OrderNumberTaken, "order-number-taken", CONFLICT, "There is an order with this number",
        "Numbers are unique per merchant. To retry a request repeat its Idempotency-Key; for another order choose another number. `order_id` names the order that has it.";
    OrderAlreadyPaid, "order-already-paid", CONFLICT, "The order is paid",
        "A paid order cannot be closed. Give the money back instead.";
    OrderHeld, "order-held", CONFLICT, "The order waits for a person",
        "A payment of this order is held because the channel contradicts our books. It can be closed when an operator has answered the question.";
    OrderPartlyPaid, "order-partly-paid", CONFLICT, "A part of the order is paid and kept",
        "Nothing of this order is open, so there is nothing to close. Add a payment for the rest, or refund what was paid.";
    OrderTakesNoPayment, "order-takes-no-payment", CONFLICT, "The order takes no further payment",
        "Only an order that is not paid, not closed and not expired takes another payment. Take another order, or give a later `expires_at`.";
    MethodUnavailable, "method-unavailable", CONFLICT, "The way to pay cannot be chosen now",
        "Show the payer what `GET /v1/orders/{id}/methods` says can be chosen, and send another pick under a new key.";
    NothingAuthorized, "nothing-authorized", CONFLICT, "Nothing is held that could be captured",
        "Only a payment in the state `authorized` can be captured, once. Read the order: it may be captured, closed, or not authorized yet.";
    RefundNotAwaitingApproval, "refund-not-awaiting-approval", CONFLICT, "The refund does not wait for approval",
        "Only a refund in the state `awaiting_approval` can be approved or rejected, once. `state` tells where it stands.";
    LegNotAwaitingTransfer, "leg-not-awaiting-transfer", CONFLICT, "The leg does not wait for a transfer",
        "Only a leg in the state `awaiting_transfer` can be confirmed or paid out in cash. `state` tells where it stands. Do not transfer or pay out money for a leg in another state: it would be paid twice.";
    LegUnderWay, "leg-under-way", CONFLICT, "The leg cannot be dropped",
        "Only a leg that was never sent, or waits for a transfer, can be abandoned. Once a call may have left, only the channel can say what became of it. `state` tells where it stands.";
    LineNotOpen, "line-not-open", CONFLICT, "Nobody is asked about the line",
        "Only a line in `suspense` (or, to assign it after all, `ignored`) waits for a person. `state` tells where it stands; read it again.";
    NoCashPayment, "no-cash-payment", CONFLICT, "The order has no payment by cash",
        "Cash is collected for a payment by `cash`. Add one to the order (`POST /v1/orders/{id}/payments`, or let the payer pick it) and send the collection again under the same `client_id`.";
    CollectionConflict, "collection-conflict", CONFLICT, "The id tells another collection",
        "A device makes a fresh `client_id` for each collection and sends exactly the same members with each repetition. The detail names what differs. What was told first stands: dispute or refuse it when it is wrong.";
    CollectionNotOpen, "collection-not-open", CONFLICT, "The collection cannot become that any more",
        "`state` tells where it stands, and the detail what can be done. Read it again.";
    CodeSpent, "code-spent", CONFLICT, "The payer's code was wrong too often",
        "Nobody can confirm collections of this payment by code any more. Ask the payer, then confirm it by a person who is not the worker, or refuse it.";
    CollectorOverLimit, "collector-over-limit", CONFLICT, "The collector carries too much",
        "Send another worker, or have him hand in first. `GET /v1/cash/{account}/drawers` tells who may collect.";
    NothingToHandIn, "nothing-to-hand-in", CONFLICT, "The drawer cannot be handed in",
        "Only confirmed collections are handed in, less what was paid out of the drawer. Confirm or refuse what is claimed first; the detail says more.";
    HandInNotOpen, "hand-in-not-open", CONFLICT, "The hand-in cannot become that any more",
        "A hand-in is counted, approved and banked, each once. `state` tells where it stands.";
    DrawerShort, "drawer-short", CONFLICT, "There is not enough in the drawer",
        "`left_minor` is what the worker has by confirmed collections. Pay it out of another worker's drawer, or transfer it (`/v1/refunds/{id}/transferred`).";
    ScheduleNameTaken, "schedule-name-taken", CONFLICT, "There is a schedule of this name",
        "Names are unique per merchant. To retry a request repeat its Idempotency-Key; for another schedule choose another name, or remove the one that has it.";
    ScheduleRemoved, "schedule-removed", CONFLICT, "The schedule is removed",
        "A removed schedule is kept for its history only. Make a new one; its name is free.";
    NoLateMoneyQuestion, "no-late-money-question", CONFLICT, "No question about late money is open",
        "Only money that came for a closed order and was set aside for an answer can be decided about, once. Read the order: it may have been given back already.";
    LateMoneyNotWhole, "late-money-not-whole", CONFLICT, "The late money does not make the order whole",
        "Money can only be kept when it pays the whole order; `missing_minor` tells how much it lacks. Answer `refund` instead.";
    PlanNumberTaken, "plan-number-taken", CONFLICT, "There is a plan with this number",
        "Numbers of plans are unique per merchant, also after a plan has ended. To retry a request repeat its Idempotency-Key; for another plan choose another number. The detail names the plan that has it.";
    PlanRefuses, "plan-refuses", CONFLICT, "The plan cannot become that",
        "The detail says why, and `state` where the plan stands. Read the plan: `next` tells what happens by itself. A plan that has ended can only give money back.";
    BreakRefuses, "break-refuses", CONFLICT, "The break cannot end so",
        "The detail says why, and `state` where the break stands. A break ends once. Whoever has proposed how it shall end cannot agree to it or refuse it: a second person must, and `proposal` tells who the first was.";
    DayNotOver, "day-not-over", CONFLICT, "The day is not over",
        "A day is reconciled when it is over for the channel; the detail says when that is.";
    Overtaken, "overtaken", CONFLICT, "Others were faster",
        "Nothing was changed. Read the resource again and decide again.";
    SecondPersonNeeded, "second-person-needed", FORBIDDEN, "A second person must decide",
        "Whoever asked for a refund cannot approve or reject it, and whoever collected cash cannot confirm, receive or approve it. The detail says who has done what. Let another person do so; case and spaces make no difference.";
    BodyTooLarge, "body-too-large", PAYLOAD_TOO_LARGE, "The body is too large",
        "No lawful request comes near the limit. Check what is being sent.";
    UnsupportedMediaType, "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body is of an unsupported type",
        "Send `Content-Type: application/json` and no `Content-Encoding`.";
    InvalidRequest, "invalid-request", UNPROCESSABLE_ENTITY, "A member of the request is not valid",
        "Correct the members named in `errors` (JSON pointers). Nothing was changed.";
    WrongCode, "wrong-code", UNPROCESSABLE_ENTITY, "This is not the payer's code",
        "Ask the payer for the code again; the detail says how many tries are left. A person who is not the worker can confirm the collection as well.";
    NothingToRefund, "nothing-to-refund", UNPROCESSABLE_ENTITY, "No money of the order is held",
        "Nothing was captured for this order, or all of it is given back or set aside. `order_state` tells where the order stands; its refunds are listed with it.";
    RefundWhilePaying, "refund-while-paying", UNPROCESSABLE_ENTITY, "The order is still being paid",
        "A combined order gives everything back when it is closed before it is whole. Close it instead.";
    RefundTooMuch, "refund-too-much", UNPROCESSABLE_ENTITY, "More than is left",
        "Of the captured money (`captured_minor`) a part is given back or set aside for refunds under way (`given_back_minor`). Ask for at most `left_minor`.";
    RefundNotPositive, "refund-not-positive", UNPROCESSABLE_ENTITY, "A refund is of at least one minor unit",
        "Ask for 1 minor unit or more, from each named payment too.";
    RefundPaymentUnknown, "refund-payment-unknown", UNPROCESSABLE_ENTITY, "A named payment cannot be refunded",
        "Name payments of this order that were captured and have something left. `payment_id` is not one of them.";
    RefundPaymentTwice, "refund-payment-twice", UNPROCESSABLE_ENTITY, "A payment is named twice",
        "Name each payment once, with the sum. `payment_id` stands twice.";
    RefundSharesDiffer, "refund-shares-differ", UNPROCESSABLE_ENTITY, "The named shares are not the amount",
        "Let the named shares add up to `amount_minor`, or leave `amount_minor` out. `sum_minor` is what they add up to.";
    BackfillTooLong, "backfill-too-long", UNPROCESSABLE_ENTITY, "The range has too many due instants",
        "Each becomes an order. The detail tells how many there are: shorten the range, or look at the cron expression again. Nothing was fired.";
    StatementNotRead, "statement-not-read", UNPROCESSABLE_ENTITY, "The file cannot be read",
        "The detail names the place and what to do. Import the file as it came from the bank; for a table, the account's `statement_mapping` must fit it. Nothing was changed.";
    PayeeRefused, "payee-refused", UNPROCESSABLE_ENTITY, "The payee cannot be sealed for the channel",
        "The detail says why. Correct the payee, or leave it out: then a person transfers what the payer's account does not take.";
    IdempotencyKeyReused, "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The key belongs to another request",
        "This Idempotency-Key was used with another method, path or body. Use a fresh key for a new operation; for a retry send exactly the same bytes.";
    Internal, "internal", INTERNAL_SERVER_ERROR, "Something went wrong here",
        "Repeat the request with the same Idempotency-Key. When it persists, tell the operator the time of the request.";
    Overloaded, "overloaded", SERVICE_UNAVAILABLE, "Too many requests are in progress",
        "Nothing was done. Repeat the request after `Retry-After`, with increasing pauses.";
    Unavailable, "unavailable", SERVICE_UNAVAILABLE, "The database does not answer",
        "Whether the request took effect is not known. Repeat it with the same Idempotency-Key after `Retry-After`.";
    NotReady, "not-ready", SERVICE_UNAVAILABLE, "This process is not ready",
        "The failing checks are named in `errors`. `bursar doctor` says how to mend each.";
    Timeout, "timeout", SERVICE_UNAVAILABLE, "The request took too long",
        "Whether it took effect is not known. Repeat it with the same Idempotency-Key after `Retry-After`.";
}
