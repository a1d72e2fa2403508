//! Every bound of the statement readers with its reason. Knows numbers only.

/// Most bytes of a file, and of what a ZIP may inflate to: a year of a busy account is a few megabytes; what a
/// request may carry into memory must be less than a small machine has.
pub const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;
/// Most lines of all statements of a file: more than a busy day; the whole file is held in memory.
pub const MAX_LINES: usize = 100_000;
/// Most statements in one file: accounts times pages.
pub const MAX_STATEMENTS: usize = 1_000;
/// Most characters of a remittance text that are kept. ISO 20022 has 140 each time, MT940 390 in all; a reference
/// stands at the front of what a person writes.
pub(super) const MAX_TEXT_CHARS: usize = 2_000;
/// Most characters of a name that are kept (ISO 20022: 140).
pub(super) const MAX_NAME_CHARS: usize = 200;
/// Most characters of a number of a line, an account or a statement (ISO 20022: 35; UETR: 36). These are compared,
/// so a longer one is refused instead of cut.
pub(super) const MAX_NUMBER_CHARS: usize = 140;
/// Most warnings that are kept: a file that is wrong in every line says so often enough.
pub(super) const MAX_WARNINGS: usize = 100;
/// Deepest nesting of XML: a camt message has about fifteen levels, an envelope adds a few.
pub(super) const MAX_DEPTH: usize = 40;
/// Most elements of one entry: a collective booking of some thousand transactions.
pub(super) const MAX_ELEMENTS_PER_ENTRY: usize = 1_000_000;
/// Rows before which the header of a table must stand.
pub(super) const MAX_PREAMBLE_ROWS: usize = 60;
/// Most columns of a table.
pub(super) const MAX_COLUMNS: usize = 200;
/// Most characters of foreign text that a message of ours repeats.
pub(super) const MAX_SHOWN_CHARS: usize = 60;
