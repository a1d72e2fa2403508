//! The answer that holds a file: it knows how a member of any length is verified and unwrapped without being held in
//! memory, and must never know what the file says.

use std::io::{self, BufRead, BufReader, Read};

use aws_lc_rs::digest::{Context, SHA256};
use base64::engine::general_purpose::STANDARD;
use base64::read::DecoderReader;
use flate2::read::ZlibDecoder;

use crate::bill::unpack;
use crate::bill::{BillFile, BillWriter};
use crate::unionpay::fields::Fields;
use crate::unionpay::sign;

/// The member that holds the file.
const CONTENT: &str = "fileContent";
/// Most bytes of all other members.
const MAX_OTHERS: usize = 64 * 1024;
/// How much is moved at once.
const STEP_BYTES: usize = 64 * 1024;

/// An answer as it came, its long member left where it is.
pub(super) struct LongAnswer {
    raw: BillFile,
    /// All members but the file.
    pub(super) fields: Fields,
    /// Where the file is in it, and how long.
    content: Option<(u64, u64)>,
}

impl LongAnswer {
    /// Finds the members of an answer.
    ///
    /// # Errors
    /// What is wrong with it, without its values.
    pub(super) fn read(raw: BillFile) -> Result<Self, String> {
        let unreadable = |error: io::Error| error.to_string();
        let mut reader = BufReader::new(unpack::part(&raw, 0, raw.bytes).map_err(unreadable)?);
        let (mut others, mut content, mut at) = (Vec::new(), None, 0_u64);
        let marks = [format!("{CONTENT}=").into_bytes(), format!("&{CONTENT}=").into_bytes()];
        loop {
            // Up to the end of a name, or of the answer.
            let most = u64::try_from(MAX_OTHERS + 1).unwrap_or(u64::MAX);
            let read = (&mut reader).take(most).read_until(b'=', &mut others).map_err(unreadable)?;
            at += length(read);
            if others.len() > MAX_OTHERS {
                return Err("its members are longer than any of an answer".to_owned());
            }
            if read == 0 {
                break;
            }
            let [first, later] = &marks;
            if content.is_none() && (others == *first || others.ends_with(later)) {
                let size = skip(&mut reader).map_err(unreadable)?;
                content = Some((at, size));
                at += size;
            }
        }
        let fields = Fields::read_answer(&others)?;
        Ok(Self { raw, fields, content })
    }

    /// What is signed of it.
    ///
    /// # Errors
    /// When the machine cannot read it.
    pub(super) fn message(&self) -> io::Result<String> {
        let before = self.fields.canonical_of(|name| name < CONTENT);
        let after = self.fields.canonical_of(|name| name > CONTENT);
        let Some((at, size)) = self.content.filter(|(_, size)| *size > 0) else {
            return Ok(sign::message(&self.fields.canonical()));
        };
        let mut context = Context::new(&SHA256);
        context.update(before.as_bytes());
        if !before.is_empty() {
            context.update(b"&");
        }
        context.update(format!("{CONTENT}=").as_bytes());
        let mut source = BufReader::new(unpack::part(&self.raw, at, size)?);
        loop {
            let step = source.fill_buf()?;
            if step.is_empty() {
                break;
            }
            context.update(step);
            let taken = step.len();
            source.consume(taken);
        }
        if !after.is_empty() {
            context.update(b"&");
            context.update(after.as_bytes());
        }
        Ok(sign::digits(&context.finish()))
    }

    /// The file, unwrapped; `None` when the answer has none.
    ///
    /// # Errors
    /// When it is not wrapped well, or is cut off.
    pub(super) async fn file(&self, name: &str) -> io::Result<Option<BillFile>> {
        let Some((at, size)) = self.content.filter(|(_, size)| *size > 0) else { return Ok(None) };
        let wrapped = unpack::part(&self.raw, at, size)?;
        let mut source = ZlibDecoder::new(DecoderReader::new(wrapped, &STANDARD));
        let (mut writer, mut step) = (BillWriter::new()?, vec![0; STEP_BYTES]);
        loop {
            let read = source.read(&mut step)?;
            if read == 0 {
                return writer.end(name).map(Some);
            }
            writer.add(step.get(..read).unwrap_or_default())?;
            // A long file keeps a processor busy for a while; others have their turns.
            tokio::task::yield_now().await;
        }
    }
}

/// Reads over a value: up to the `&` that ends it, which stays, or to the end. How long it was.
fn skip(reader: &mut BufReader<unpack::Source>) -> io::Result<u64> {
    let mut size = 0;
    loop {
        let step = reader.fill_buf()?;
        let end = step.iter().position(|byte| *byte == b'&');
        let taken = end.unwrap_or(step.len());
        let over = end.is_some() || step.is_empty();
        reader.consume(taken);
        size += length(taken);
        if over {
            return Ok(size);
        }
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
