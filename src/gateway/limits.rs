//! Limits: it knows every bound of the HTTP face and its reason, and must never know what is bounded
//! by the channels or the store.

/// Settings of the gateway. Times in milliseconds of real time unless they say otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GatewaySettings {
    /// Largest request body in bytes. The largest lawful request is some 2 KiB and the largest
    /// notification some 8 KiB; more is a mistake or an attack.
    pub body_limit_bytes: usize,
    /// Largest file of a bank's statements in bytes: a busy month. Larger ones are imported on the command line.
    pub statement_limit_bytes: usize,
    /// Files of statements that are read at once: each may take its size in memory several times.
    pub max_imports: usize,
    /// Largest page of a list: keeps one answer under a megabyte.
    pub max_page_size: u32,
    /// Page of a list when none is asked for.
    pub default_page_size: u32,
    /// How long the client may take to send its body. Slower ones hold a slot for nothing.
    pub body_timeout_ms: u64,
    /// How long a request may take as a whole. Longer than `wait_max_ms` and the store's own limits.
    pub request_timeout_ms: u64,
    /// API requests in progress at once; more are answered 503 at once instead of queueing up.
    pub max_in_flight: usize,
    /// Notifications in progress at once; apart from the API, so that a flood of garbage on one side
    /// does not close the other.
    pub max_notifications_in_flight: usize,
    /// Where the gateway is reached from outside; shown on its index page only.
    pub public_url: String,
    /// Shortest time from now to an order's expiry, in seconds of the program's clock: less cannot be
    /// paid in time.
    pub min_expiry_seconds: i64,
    /// Longest time from now to an order's expiry, in seconds of the program's clock: channels close
    /// unpaid orders by themselves after a week.
    pub max_expiry_seconds: i64,
    /// Time to an order's expiry when none is asked for, in seconds of the program's clock.
    pub default_expiry_seconds: i64,
    /// Longest wait that `Prefer: wait` is granted.
    pub wait_max_ms: u64,
    /// How long the readiness check waits for the database.
    pub ready_timeout_ms: u64,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            body_limit_bytes: 64 * 1024,
            statement_limit_bytes: 16 * 1024 * 1024,
            max_imports: 4,
            max_page_size: 100,
            default_page_size: 20,
            body_timeout_ms: 10_000,
            request_timeout_ms: 30_000,
            max_in_flight: 1_024,
            max_notifications_in_flight: 1_024,
            public_url: "http://127.0.0.1:8080".to_owned(),
            min_expiry_seconds: 60,
            max_expiry_seconds: 7 * 24 * 3_600,
            default_expiry_seconds: 30 * 60,
            wait_max_ms: 10_000,
            ready_timeout_ms: 2_000,
        }
    }
}

/// Longest merchant order number, in characters: fits every index and every channel's attachment.
pub const NUMBER_MAX_CHARS: usize = 64;
/// Longest name of a region, in characters.
pub const REGION_MAX_CHARS: usize = 64;
/// Longest description, in characters: the shortest limit among the channels (WeChat Pay).
pub const DESCRIPTION_MAX_CHARS: usize = 127;
/// Longest service or region of an order, in characters: they head rows of reports.
pub const LABEL_MAX_CHARS: usize = 64;
/// Longest reason of a close request, in characters: it is shown in lists.
pub const REASON_MAX_CHARS: usize = 127;
/// Longest note of a collector, in characters: staff read it in lists.
pub const NOTE_MAX_CHARS: usize = 127;
/// Largest amount in minor units: a thousand million yuan. More is a mistake in the unit.
pub const AMOUNT_MAX_MINOR: i64 = 100_000_000_000;
/// Most parts of a combined order: a payer with more than ten ways to pay is a mistake.
pub const PARTS_MAX: usize = 10;
/// Most payments of one order, those included that ended unpaid: an order is read and decided as a whole.
pub const PAYMENTS_MAX: usize = 20;
/// Longest reason of a refund, in bytes: the shortest limit among the channels (WeChat Pay), so that the
/// payer reads what the merchant wrote.
pub const REFUND_REASON_MAX_BYTES: usize = 80;
/// Longest name of a person who asks, agrees or confirms, in characters.
pub const PERSON_MAX_CHARS: usize = 64;
/// Longest reference of a bank transfer, in characters: the longest that banks print is 35.
pub const REFERENCE_MAX_CHARS: usize = 64;
/// Most payments that a refund may name: as many as an order can have.
pub const NAMED_MAX: usize = PAYMENTS_MAX;
/// Longest name of a payee or his bank, in characters: the longest that channels take.
pub const PAYEE_NAME_MAX_CHARS: usize = 128;
/// Longest number of a payee's account, in characters: an IBAN has 34.
pub const PAYEE_ACCOUNT_MAX_CHARS: usize = 34;
/// Longest number of a plan, in characters: with `-` and the number of an installment it is an order's.
pub const PLAN_NUMBER_MAX_CHARS: usize = NUMBER_MAX_CHARS - 6;
/// Longest rhythm or cadence, in its units: a year of days.
pub const EVERY_MAX: u16 = 366;
/// Longest trial of a subscription, in days.
pub const TRIAL_MAX_DAYS: i64 = 366;
/// How far ahead the last day of a plan may lie, in days: a hundred years; more is a mistake in the year.
pub const HORIZON_DAYS: i64 = 36_525;
/// How many amounts that will fall due are shown: two years of months.
pub const UPCOMING_MAX: usize = 24;
/// Shortest time to sign an agreement, in seconds: less cannot be done.
pub const SIGN_MIN_SECONDS: i64 = 60;
/// Longest time to sign an agreement, in seconds: no channel keeps an offer for more than a week.
pub const SIGN_MAX_SECONDS: i64 = 7 * 24 * 3_600;
/// Time to sign an agreement when none is asked for, in seconds.
pub const SIGN_DEFAULT_SECONDS: i64 = 24 * 3_600;
/// Longest `openid`, in characters (WeChat documents 128).
pub const OPENID_MAX_CHARS: usize = 128;
/// Longest idempotency key, in characters; as common among payment interfaces.
pub const IDEMPOTENCY_KEY_MAX_CHARS: usize = 255;
/// Most members of one JSON object: far above any request, and keeps the check for duplicates cheap.
pub const MEMBERS_MAX: usize = 64;
/// Longest name of a file, in characters.
pub const FILE_NAME_MAX_CHARS: usize = 200;
/// Longest name of a format, in characters: the known ones have six.
pub const FORMAT_MAX_CHARS: usize = 32;
/// How much of a bad value is repeated in an error message, in characters.
pub const SHOWN_MAX_CHARS: usize = 48;

/// The beginning of a value from outside, for an error message.
pub fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_MAX_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_MAX_CHARS).is_some() {
        short.push('…');
    }
    short
}
