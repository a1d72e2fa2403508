//! Who we are to the channel: it knows how the merchant's key and certificate are handed out, and must never
//! know what is signed with them.

use p12_keystore::Pkcs12Archive;

use super::{serial, sign};
use crate::pem;
use crate::rsa::{PublicKey, SigningKey};

/// The merchant's key, and the number of its certificate, which each message names.
#[derive(Debug)]
pub(super) struct Identity {
    key: SigningKey,
    /// In decimal, as the channel compares it.
    pub(super) cert_id: String,
}

/// What stands in a PKCS#12 file (.pfx, .p12). The library opens those of today (PBES2) and the old ones that
/// the channel's authority still hands out (RC2 with 40 bits and triple DES with SHA-1); it wants them in DER.
/// A file in the looser BER, as some tools write it, is refused here with a way out.
const EXPECTED_PFX: &str = "a PKCS#12 file with an RSA key of 2048 bits or more and its certificate, that opens with \
                            `sign_password`; if it is one, convert it with `openssl pkcs12 -legacy -nodes` and give \
                            `private_key` and `certificate` instead";

impl Identity {
    /// From a PKCS#12 file.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn from_pfx(bytes: &[u8], password: &str) -> Result<Self, &'static str> {
        let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(|_| EXPECTED_PFX)?;
        for bag in archive.keys {
            let Some(mut key) = SigningKey::from_der(bag.key.as_der()) else { continue };
            // Which certificate belongs to a key is seen by using both: the marks that could tell are often
            // missing.
            for certificate in &archive.certs {
                match Self::paired(key, certificate.cert.as_der()) {
                    Ok(identity) => return Ok(identity),
                    Err(unpaired) => key = unpaired,
                }
            }
        }
        Err(EXPECTED_PFX)
    }

    /// From a key and the certificate that belongs to it, in PEM.
    ///
    /// # Errors
    /// What was expected of the certificate.
    pub(super) fn from_pem(key: SigningKey, certificate: &[u8]) -> Result<Self, &'static str> {
        const EXPECTED: &str = "the certificate that belongs to `private_key`, a PEM";
        let text = std::str::from_utf8(certificate).map_err(|_| EXPECTED)?;
        let mut key = key;
        for der in pem::decode_all("CERTIFICATE", text) {
            match Self::paired(key, &der) {
                Ok(identity) => return Ok(identity),
                Err(unpaired) => key = unpaired,
            }
        }
        Err(EXPECTED)
    }

    /// Both, when they belong together; else the key again.
    fn paired(key: SigningKey, certificate: &[u8]) -> Result<Self, SigningKey> {
        const PROBE: &[u8] = b"does this certificate belong to this key?";
        let parsed = x509_parser::parse_x509_certificate(certificate).ok().map(|(_, parsed)| parsed);
        let accepts = |parsed: &x509_parser::certificate::X509Certificate<'_>| {
            let public = PublicKey::from_der(parsed.public_key().raw);
            public.zip(key.sign(PROBE)).is_some_and(|(public, signature)| public.accepts(PROBE, &signature))
        };
        match parsed.filter(accepts) {
            Some(parsed) => Ok(Self { cert_id: serial::decimal(parsed.raw_serial()), key }),
            None => Err(key),
        }
    }

    /// The signature of the members that are written as `canonical`; `None` when the library refuses to sign.
    pub(super) fn sign(&self, canonical: &str) -> Option<String> {
        self.key.sign(sign::message(canonical).as_bytes())
    }
}
